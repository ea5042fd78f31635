#include "lamina_provider.h"
