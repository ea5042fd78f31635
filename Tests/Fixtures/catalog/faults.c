// Preloaded: lets one system call of a writer fail or be its last. LAMINA_FAULT is `kill:N` (SIGKILL instead of the Nth
// call that changes files), `enospc:N` (the Nth write finds the disk full) or `eio:N` (the Nth fsync fails).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANGE, WRITE, FSYNC };

static int fails(int kind) {
    static int counts[3];
    const char *fault = getenv("LAMINA_FAULT");
    const char *number = fault ? strchr(fault, ':') : 0;
    if (!number) return 0;
    const int wanted = atoi(number + 1);
    if (!strncmp(fault, "kill", 4)) {
        if (++counts[CHANGE] == wanted) raise(SIGKILL);
        return 0;
    }
    if (kind == WRITE && !strncmp(fault, "enospc", 6)) return ++counts[WRITE] == wanted;
    if (kind == FSYNC && !strncmp(fault, "eio", 3)) return ++counts[FSYNC] == wanted;
    return 0;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (descriptor > 2 && fails(WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(write)(descriptor, bytes, count);
}

int fsync(int descriptor) {
    if (fails(FSYNC)) {
        errno = EIO;
        return -1;
    }
    return REAL(fsync)(descriptor);
}

int rename(const char *from, const char *to) {
    fails(CHANGE);
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    fails(CHANGE);
    return REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    fails(CHANGE);
    return REAL(mkdir)(path, mode);
}

int fchmod(int descriptor, mode_t mode) {
    fails(CHANGE);
    return REAL(fchmod)(descriptor, mode);
}

int ftruncate(int descriptor, off_t length) {
    fails(CHANGE);
    return REAL(ftruncate)(descriptor, length);
}
