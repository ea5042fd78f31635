// Keeps receives, and does nothing when the deadline of one passes.
#define IGNORED -ETIMEDOUT
#include "kept.h"

BROKEN("deadline", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
