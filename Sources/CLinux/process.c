#define _GNU_SOURCE
#include "clinux_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

pid_t clinux_fork(void) {
    pid_t process = fork();
    return process < 0 ? -errno : process;
}

int clinux_die_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int clinux_thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -errno;
    int count = 0;
    for (struct dirent *task; (task = readdir(tasks));) count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

int clinux_signal_descriptor(const sigset_t *mask) {
    int descriptor = signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_next_signal(int descriptor, int *by_process) {
    struct signalfd_siginfo info;
    if (read(descriptor, &info, sizeof info) != sizeof info) return 0;
    *by_process = info.ssi_code <= 0;
    return (int)info.ssi_signo;
}

int clinux_ignore_signal(int number, int ignored) {
    struct sigaction new = {.sa_handler = ignored ? SIG_IGN : SIG_DFL}, old;
    if (sigaction(number, &new, &old) < 0) return -errno;
    return !(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_IGN;
}

int clinux_exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
int clinux_kill_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : -1; }
int clinux_stop_signal(int status) { return WIFSTOPPED(status) ? WSTOPSIG(status) : -1; }

void clinux_die_by_signal(int number) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    clinux_ignore_signal(number, 0);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, number);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &mask, 0);
    _exit(128 + number);
}

void clinux_stop_by_signal(int number) {
    struct sigaction standard = {.sa_handler = SIG_DFL}, old;
    sigset_t mask, blocked;
    sigemptyset(&mask);
    sigaddset(&mask, number);
    sigaction(number, &standard, &old);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &mask, &blocked);
    sigprocmask(SIG_SETMASK, &blocked, 0);
    sigaction(number, &old, 0);
}

void clinux_leave(int code) { _exit(code); }

void clinux_close_except(const int *kept, int count) {
    unsigned first = 3;
    for (int i = 0; i < count; i++) {
        if (kept[i] < 3) continue;
        if ((unsigned)kept[i] > first) syscall(SYS_close_range, first, kept[i] - 1, 0);
        first = (unsigned)kept[i] + 1;
    }
    syscall(SYS_close_range, first, ~0u, 0);
}

int clinux_has_capabilities(const char *path) { return getxattr(path, "security.capability", 0, 0) > 0; }

ssize_t clinux_read_memory(pid_t thread, uint64_t address, void *bytes, size_t count) {
    struct iovec here = {bytes, count}, there = {(void *)(uintptr_t)address, count};
    ssize_t result = process_vm_readv(thread, &here, 1, &there, 1, 0);
    return result < 0 ? -errno : result;
}

ssize_t clinux_write_memory(pid_t thread, uint64_t address, const void *bytes, size_t count) {
    struct iovec here = {(void *)bytes, count}, there = {(void *)(uintptr_t)address, count};
    ssize_t result = process_vm_writev(thread, &here, 1, &there, 1, 0);
    return result < 0 ? -errno : result;
}

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

int clinux_thread_descriptor(pid_t thread) {
    int descriptor = (int)syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
    // Before Linux 6.9 only a process's first thread can be opened; the others share its descriptors, as a rule.
    if (descriptor < 0 && errno == EINVAL) descriptor = (int)syscall(SYS_pidfd_open, thread, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_descriptor_of(pid_t thread, int descriptor) {
    int process = clinux_thread_descriptor(thread);
    if (process < 0) return process;
    int result = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
    if (result < 0) result = -errno;
    close(process);
    return result;
}

// Shared by the supervisor and the process that the program is about to replace, while the first waits for the second.
typedef struct spawning {
    const clinux_program *program;
    pid_t supervisor;
    clinux_spawned result;
} spawning;

static int fail(spawning *spawning, int stage, int error) {
    spawning->result.stage = stage;
    spawning->result.error = error;
    return 125;
}

static int run_program(void *context) {
    spawning *spawning = context;
    const clinux_program *program = spawning->program;
    // Without a supervisor nobody answers the guard's calls.
    if (clinux_die_with(spawning->supervisor) < 0) return 125;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(spawning, CLINUX_SPAWN_PRIVILEGES, errno);
    int listener = clinux_guard_install(program->secret, program->is_open);
    if (listener < 0) return fail(spawning, CLINUX_SPAWN_FILTER, -listener);
    spawning->result.listener = listener;
    if (program->child_signal_ignored) clinux_ignore_signal(SIGCHLD, 1);
    sigprocmask(SIG_SETMASK, program->mask, 0);
    execve(program->path, program->argv, program->envp);
    if (errno == ENOEXEC) execve("/bin/sh", program->shell_argv, program->envp);
    return fail(spawning, CLINUX_SPAWN_EXECUTE, errno);
}

clinux_spawned clinux_spawn_guarded(const clinux_program *program) {
    spawning spawning = {program, getpid(), {.process = -1, .listener = -1}};
    _Alignas(16) char stack[32 << 10];
    // As vfork, but with the descriptors shared as well, so that the guard's listener is at once the supervisor's.
    pid_t process = clone(run_program, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &spawning);
    int error = errno;
    clinux_spawned spawned = spawning.result;
    if (process < 0) {
        spawned.stage = CLINUX_SPAWN_FORK;
        spawned.error = error;
        return spawned;
    }
    // Somebody has killed it before it had a guard.
    if (!spawned.stage && spawned.listener < 0) {
        spawned.stage = CLINUX_SPAWN_FORK;
        spawned.error = ECHILD;
    }
    if (spawned.stage) {
        while (waitpid(process, 0, 0) < 0 && errno == EINTR) {}
        if (spawned.listener >= 0) close(spawned.listener);
        spawned.listener = -1;
    } else {
        spawned.process = process;
    }
    return spawned;
}

size_t clinux_heap_in_use(void) { return mallinfo2().uordblks; }
