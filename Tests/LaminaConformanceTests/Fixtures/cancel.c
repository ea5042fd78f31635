// Keeps receives, and does nothing when one is cancelled.
#define IGNORED -ECANCELED
#include "kept.h"

BROKEN("cancel", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
