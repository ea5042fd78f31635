/// Files, directories and their metadata.
#ifndef CLINUX_FILE_H
#define CLINUX_FILE_H

#include <stdbool.h>
#include <sys/auxv.h>

/// Whether the program runs with more rights than its caller (set-user-ID, capabilities): then nothing that the caller
/// controls may choose what code is loaded.
static inline bool clinux_is_secure(void) {
    return getauxval(AT_SECURE) != 0;
}

#endif
