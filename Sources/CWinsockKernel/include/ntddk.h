/// The same as wdm.h: what drivers that use sockets take from the kernel.
#ifndef WSK_NTDDK_H
#define WSK_NTDDK_H

#include "wdm.h"

#endif
