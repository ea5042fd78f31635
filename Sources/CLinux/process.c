#define _GNU_SOURCE
#include "clinux_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
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

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

int clinux_descriptor_of(pid_t thread, int descriptor) {
    int process = (int)syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
    // Before Linux 6.9 only a process's first thread can be opened; the others share its descriptors, as a rule.
    if (process < 0 && errno == EINVAL) process = (int)syscall(SYS_pidfd_open, thread, 0);
    if (process < 0) return -errno;
    int result = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
    if (result < 0) result = -errno;
    close(process);
    return result;
}

// What the child says before the program replaces it: its listener, or where it failed.
typedef struct spawn_report {
    int stage;
    int error;
} spawn_report;

static void fail(int channel, int stage, int error) {
    spawn_report report = {stage, error};
    if (write(channel, &report, sizeof report) < 0) _exit(125);
    _exit(125);
}

// The filter is in place: the message carries the secret like every call of the run's own.
static long send_listener(int channel, int listener, const uint64_t secret[2]) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    spawn_report report = {0, 0};
    struct iovec vector = {&report, sizeof report};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
    return syscall(SYS_sendmsg, channel, &message, 0, 0, secret[0], secret[1]);
}

static void run_program(const clinux_program *program, int channel, pid_t supervisor) {
    // Without a supervisor nobody answers the guard's calls.
    if (clinux_die_with(supervisor) < 0) _exit(125);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(channel, CLINUX_SPAWN_PRIVILEGES, errno);
    int listener = clinux_guard_install(program->secret);
    if (listener < 0) fail(channel, CLINUX_SPAWN_FILTER, -listener);
    if (send_listener(channel, listener, program->secret) < 0) fail(channel, CLINUX_SPAWN_HANDOVER, errno);
    char go;
    if (read(channel, &go, 1) != 1) _exit(125);
    close(listener);
    if (program->child_signal_ignored) clinux_ignore_signal(SIGCHLD, 1);
    sigprocmask(SIG_SETMASK, program->mask, 0);
    execve(program->path, program->argv, program->envp);
    if (errno == ENOEXEC) execve("/bin/sh", program->shell_argv, program->envp);
    fail(channel, CLINUX_SPAWN_EXECUTE, errno);
}

// Receives the child's report and, with it, the listener.
static int receive_listener(int channel, spawn_report *report) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {report, sizeof *report};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t count;
    do {
        count = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (count < 0 && errno == EINTR);
    if (count != sizeof *report) *report = (spawn_report){CLINUX_SPAWN_HANDOVER, count < 0 ? errno : ECHILD};
    int listener = -1;
    struct cmsghdr *header = count > 0 ? CMSG_FIRSTHDR(&message) : 0;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&listener, CMSG_DATA(header), sizeof listener);
    return listener;
}

clinux_spawned clinux_spawn_guarded(const clinux_program *program) {
    clinux_spawned spawned = {.process = -1, .listener = -1, .stage = CLINUX_SPAWN_FORK};
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0) {
        spawned.error = errno;
        return spawned;
    }
    pid_t supervisor = getpid();
    spawned.process = fork();
    if (spawned.process == 0) {
        close(channel[0]);
        run_program(program, channel[1], supervisor);
    }
    spawned.error = errno;
    close(channel[1]);
    if (spawned.process > 0) {
        spawn_report report = {0, 0};
        spawned.listener = receive_listener(channel[0], &report);
        if (report.stage == 0 && (spawned.listener < 0 || write(channel[0], "", 1) != 1)) {
            report = (spawn_report){CLINUX_SPAWN_HANDOVER, EBADF};
        }
        // The channel ends without a word when the program has replaced the child.
        if (report.stage == 0) {
            ssize_t count;
            do {
                count = read(channel[0], &report, sizeof report);
            } while (count < 0 && errno == EINTR);
            if (count != sizeof report) report = (spawn_report){0, 0};
        }
        spawned.stage = report.stage;
        spawned.error = report.error;
        if (report.stage) {
            if (report.stage == CLINUX_SPAWN_HANDOVER) kill(spawned.process, SIGKILL);
            while (waitpid(spawned.process, 0, 0) < 0 && errno == EINTR) {}
            if (spawned.listener >= 0) close(spawned.listener);
            spawned.listener = spawned.process = -1;
        }
    }
    close(channel[0]);
    return spawned;
}
