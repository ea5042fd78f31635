/// What drivers that use sockets take from the kernel: everything but the sockets.
#ifndef WSK_WDM_H
#define WSK_WDM_H

#include "wsk_driver.h"
#include "wsk_irp.h"
#include "wsk_string.h"

#endif
