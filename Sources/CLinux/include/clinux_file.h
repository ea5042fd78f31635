/// Files, directories and their metadata.
#ifndef CLINUX_FILE_H
#define CLINUX_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/// Whether the program runs with more rights than its caller (set-user-ID, capabilities): then nothing that the caller
/// controls may choose what code is loaded.
static inline bool clinux_is_secure(void) {
    return getauxval(AT_SECURE) != 0;
}

/// pipe2 with O_CLOEXEC: the reading and the writing end.
static inline int32_t clinux_pipe(int32_t *ends) {
    return (int32_t)syscall(SYS_pipe2, ends, O_CLOEXEC);
}

/// write(2) that never ends the program: a pipe or socket that nobody reads any more answers EPIPE without SIGPIPE.
ssize_t clinux_write(int32_t descriptor, const void *bytes, size_t count);

/// Whether `word` stands somewhere in `bytes` (memmem).
bool clinux_holds(const void *bytes, size_t count, const void *word, size_t word_count);

#endif
