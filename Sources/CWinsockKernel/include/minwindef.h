/// The same as ntdef.h, and min and max in C++ as well, unless NOMINMAX is defined.
#ifndef WSK_MINWINDEF_H
#define WSK_MINWINDEF_H

#include "ntdef.h"

#ifndef NOMINMAX
#ifndef max
#define max(left, right) ((left) > (right) ? (left) : (right))
#endif
#ifndef min
#define min(left, right) ((left) < (right) ? (left) : (right))
#endif
#endif

#endif
