/// The same as ntdef.h.
#ifndef WSK_EXCPT_H
#define WSK_EXCPT_H

#include "ntdef.h"

#endif
