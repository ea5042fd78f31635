/// GUIDs.
#ifndef WSK_GUIDDEF_H
#define WSK_GUIDDEF_H
#include "ntdef.h"
#endif
