// Whether this system lets a supervisor serve a program's calls: tried on a child.
#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What the child could do.
typedef struct trial {
    int listener;
    int missing;
    int error;
} trial;

// Lies at the same place in parent and child.
static volatile int target;

static void be_tried(int results) {
    const uint64_t secret[2] = {1, 1};
    trial made = {.listener = -1};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        made.missing = CLINUX_GUARD_NO_PRIVILEGES;
        made.error = errno;
    } else if ((made.listener = clinux_guard_install(secret, 0)) < 0) {
        made.missing = CLINUX_GUARD_NO_FILTER;
        made.error = -made.listener;
    }
    if (write(results, &made, sizeof made) != sizeof made || made.missing) _exit(1);
    syscall(SYS_listen, 0, 0, 0, 0, 0, 0);
    _exit(0);
}

static int miss(int *error, int what, int code) {
    *error = code;
    return what;
}

// Serves the child's one call.
static int serve(int listener, int *error) {
    clinux_call call;
    int got;
    while ((got = clinux_guard_receive(listener, &call)) == 0) {}
    if (got < 0) return miss(error, CLINUX_GUARD_NO_FILTER, -got);
    int value = 0;
    const uint64_t place = (uint64_t)(uintptr_t)&target;
    ssize_t done = clinux_read_memory(call.thread, place, &value, sizeof value);
    if (done < 0) return miss(error, CLINUX_GUARD_NO_READING, (int)-done);
    done = clinux_write_memory(call.thread, place, &value, sizeof value);
    if (done < 0) return miss(error, CLINUX_GUARD_NO_WRITING, (int)-done);
    clinux_guard_answer(listener, call.id, 0);
    return CLINUX_GUARD_WORKS;
}

static int watch(pid_t process, int results, int *error) {
    trial made;
    ssize_t count;
    while ((count = read(results, &made, sizeof made)) < 0 && errno == EINTR) {}
    if (count != sizeof made) return miss(error, CLINUX_GUARD_NO_PROCESS, ECHILD);
    if (made.missing) return miss(error, made.missing, made.error);
    int listener = clinux_descriptor_of(process, made.listener);
    if (listener < 0) return miss(error, CLINUX_GUARD_NO_DESCRIPTORS, -listener);
    int missing = serve(listener, error);
    close(listener);
    return missing;
}

int clinux_guard_probe(int *error) {
    *error = 0;
    int results[2];
    if (pipe2(results, O_CLOEXEC) < 0) return miss(error, CLINUX_GUARD_NO_PROCESS, errno);
    pid_t process = fork();
    if (process == 0) be_tried(results[1]);
    int cause = errno;
    close(results[1]);
    int missing = process < 0 ? miss(error, CLINUX_GUARD_NO_PROCESS, cause) : watch(process, results[0], error);
    close(results[0]);
    if (process > 0) {
        kill(process, SIGKILL);
        while (waitpid(process, 0, 0) < 0 && errno == EINTR) {}
    }
    return missing;
}
