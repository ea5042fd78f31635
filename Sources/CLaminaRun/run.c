#include "lamina_run.h"
