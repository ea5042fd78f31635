/// The same as ws2def.h.
#ifndef WSK_INADDR_H
#define WSK_INADDR_H

#include "ws2def.h"

#endif
