/// The same as ws2def.h.
#ifndef WSK_IN6ADDR_H
#define WSK_IN6ADDR_H

#include "ws2def.h"

#endif
