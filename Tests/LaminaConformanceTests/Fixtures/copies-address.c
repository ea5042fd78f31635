// Sends a datagram from the engine, and reads the caller's message only then: an address that is long gone.
#define KEPT_WHOLE 1
#include "later.h"

BROKEN("copies-address", LAMINA_EFFECT_OBSERVE, LAMINA_DATAGRAM, &table, 0)
