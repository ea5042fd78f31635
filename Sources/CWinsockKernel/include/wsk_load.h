/// Drivers as parts of an ordinary program: loaded, unloaded, and what they left behind.
#ifndef WSK_LOAD_H
#define WSK_LOAD_H

#include "wdm.h"

EXTERN_C_START

/// A driver that WskLoadDriver loaded.
typedef struct _WSK_DRIVER *PWSK_DRIVER;

/// Loads a shared object and calls its DriverEntry at PASSIVE_LEVEL. With `Path` NULL the program itself is the driver.
/// A file that can't be loaded, or whose DriverEntry fails, is answered with that status and a line on standard error.
/// Blocks for the file and for DriverEntry.
NTSTATUS WskLoadDriver(const char *Path, PWSK_DRIVER *Driver);

/// Calls DriverUnload, and answers how many sockets, IRPs, MDLs, threads, pool blocks, work items and devices that came
/// into being since WskLoadDriver are left, 0 where the driver cleaned up; a line on standard error names each with the
/// place where it was made. Blocks for DriverUnload.
ULONG WskUnloadDriver(PWSK_DRIVER Driver);

/// How many of them there are in the process.
ULONG WskCountObjects(VOID);

EXTERN_C_END

#endif
