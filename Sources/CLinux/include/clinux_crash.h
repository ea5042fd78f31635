/// Crashes: which library's code a process died in.
#ifndef CLINUX_CRASH_H
#define CLINUX_CRASH_H

#include <stdint.h>

/// The first byte of a crash's report.
#define CLINUX_CRASH_REPORT 2

/// Where a process crashed.
typedef struct clinux_crash {
    /// `CLINUX_CRASH_REPORT`.
    uint8_t kind;
    /// The code was called by the library's, and is not its own.
    uint8_t called;
    uint16_t reserved;
    /// The signal.
    int32_t number;
    /// Of the code, from the start of the file as it is mapped.
    uint64_t offset;
    /// The library's path, as it was loaded; empty where no library's code was being run.
    char file[1024];
    /// The function, where the library exports it; else empty.
    char function[128];
} clinux_crash;

/// From now on a crash of this process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS) sends a
/// `clinux_crash` over `channel`, a socket, before it ends the process as it would have ended it. Named is the
/// innermost library on the stack of those that are loaded after this call. For processes of our own: it sets handlers,
/// and an alternate stack for the calling thread. Once a process.
void clinux_report_crashes(int channel);

#endif
