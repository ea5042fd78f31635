// Sends a datagram from the engine, with copies of its descriptors and address, but not of its control data.
#define KEPT_WHOLE 0
#include "later.h"

BROKEN("copies-control", LAMINA_EFFECT_OBSERVE, LAMINA_DATAGRAM, &table, 0)
