#define _GNU_SOURCE
#include "clinux_file.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

ssize_t clinux_write(int32_t descriptor, const void *bytes, size_t count) {
    sigset_t broken_pipe, before, waiting;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    sigpending(&waiting);
    const ssize_t written = write(descriptor, bytes, count);
    const int code = errno;
    // The signal is this thread's. One that waited before is somebody else's, and stays.
    if (written < 0 && code == EPIPE && !sigismember(&waiting, SIGPIPE)) {
        const struct timespec none = {0, 0};
        while (sigtimedwait(&broken_pipe, 0, &none) < 0 && errno == EINTR) continue;
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
    errno = code;
    return written;
}

bool clinux_holds(const void *bytes, size_t count, const void *word, size_t word_count) {
    return memmem(bytes, count, word, word_count) != NULL;
}
