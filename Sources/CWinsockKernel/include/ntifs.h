/// The same as wdm.h: what drivers that use sockets take from the kernel.
#ifndef WSK_NTIFS_H
#define WSK_NTIFS_H

#include "wdm.h"

#endif
