/// The same as ntdef.h.
#ifndef WSK_BASETSD_H
#define WSK_BASETSD_H

#include "ntdef.h"

#endif
