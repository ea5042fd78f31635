/// What drivers that use sockets take from the kernel: everything but the sockets.
#ifndef WSK_WDM_H
#define WSK_WDM_H

#include "intrin.h"
#include "wsk_driver.h"
#include "wsk_irp.h"
#include "wsk_string.h"
#include "wsk_table.h"
#include "wsk_wide.h"

#endif
