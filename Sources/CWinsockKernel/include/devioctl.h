/// The same as wdm.h.
#ifndef WSK_DEVIOCTL_H
#define WSK_DEVIOCTL_H

#include "wdm.h"

#endif
