/// Processes: spawning, signals, seccomp, identity.
#ifndef CLINUX_PROCESS_H
#define CLINUX_PROCESS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/// fork, which Swift hides. Only for a process with one thread. A negative errno if it fails.
pid_t clinux_fork(void);

/// Asks for SIGKILL when the parent dies; a negative errno if the parent isn't `parent` any more.
int clinux_die_with(pid_t parent);

/// The numbers of threads of this process, a negative errno if that can't be read.
int clinux_thread_count(void);

/// How many bytes of malloc's memory are in use, in all arenas.
size_t clinux_heap_in_use(void);

/// A descriptor that reads the signals of `mask`, close-on-exec and non-blocking. A negative errno if it fails.
int clinux_signal_descriptor(const sigset_t *mask);

/// The next signal of a signal descriptor: its number, and in `*by_process` whether a process sent it (the terminal
/// and the kernel did otherwise). 0: none waits.
int clinux_next_signal(int descriptor, int *by_process);

/// Sets a signal's disposition to its default (0) or to "ignored" (1); answers whether it was ignored before, or a
/// negative errno.
int clinux_ignore_signal(int number, int ignored);

/// What a wait status says: exited with a code, killed by a signal, stopped by a signal; -1 where it says otherwise.
int clinux_exit_code(int status);
int clinux_kill_signal(int status);
int clinux_stop_signal(int status);

/// Ends this process by `number`, so that its parent sees that signal, without a core file of its own.
void clinux_die_by_signal(int number) __attribute__((noreturn));

/// Stops this process by `number` (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU), so that its parent sees that signal; returns
/// when it goes on. Disposition and mask are afterwards as before.
void clinux_stop_by_signal(int number);

/// Leaves the process at once, running no exit handler.
void clinux_leave(int code) __attribute__((noreturn));

/// Closes every descriptor from 3 up that isn't among `kept`, which is sorted.
void clinux_close_except(const int *kept, int count);

/// Whether a file has capabilities that a program gains when it is executed.
int clinux_has_capabilities(const char *path);

/// A program to be started under the guard.
typedef struct clinux_program {
    const char *path;
    char *const *argv;
    char *const *envp;
    /// Where `path` has no format that the kernel knows: the arguments of /bin/sh, as execvp does it.
    char *const *shell_argv;
    /// The signal mask that the program starts with.
    const sigset_t *mask;
    /// SIGCHLD was ignored when the command was started.
    int child_signal_ignored;
    /// What a captured call carries in its fifth and sixth argument.
    uint64_t secret[2];
    /// io_uring is left to the program.
    int is_open;
} clinux_program;

enum {
    CLINUX_SPAWN_FORK = 1,
    CLINUX_SPAWN_PRIVILEGES = 2,
    CLINUX_SPAWN_FILTER = 3,
    CLINUX_SPAWN_EXECUTE = 4,
};

typedef struct clinux_spawned {
    pid_t process;
    /// The guard's listener.
    int listener;
    /// Where and why it failed: `CLINUX_SPAWN_…` and an errno; 0 if it didn't.
    int stage;
    int error;
} clinux_spawned;

/// Starts a program in this process group and on this terminal, with the guard in place before its first instruction.
/// Blocks until the program runs or has failed to; then no process is left. For a process with one thread.
clinux_spawned clinux_spawn_guarded(const clinux_program *program);

/// Puts the guard's filter on the calling thread: the number of the listener, or a negative errno. Safe between fork
/// and exec. `is_open`: io_uring is let through.
int clinux_guard_install(const uint64_t secret[2], int is_open);

/// What the guard needs of the system, in the order in which it is tried.
enum {
    CLINUX_GUARD_WORKS = 0,
    CLINUX_GUARD_NO_PROCESS,
    CLINUX_GUARD_NO_PRIVILEGES,
    CLINUX_GUARD_NO_FILTER,
    CLINUX_GUARD_NO_DESCRIPTORS,
    CLINUX_GUARD_NO_READING,
    CLINUX_GUARD_NO_WRITING,
};

/// Tries the guard on a child: `CLINUX_GUARD_…`, the first thing that is missing, and in `*error` the errno. Blocks for
/// the child. For a process with one thread.
int clinux_guard_probe(int *error);

/// A call that the guard stopped.
typedef struct clinux_call {
    uint64_t id;
    /// The thread that makes it.
    pid_t thread;
    /// The system call's number; `foreign`: of another architecture.
    int number;
    int foreign;
    uint64_t arguments[6];
} clinux_call;

/// Takes the next stopped call: 1, 0 if the caller is gone meanwhile, or a negative errno.
int clinux_guard_receive(int listener, clinux_call *call);

/// Whether the caller still waits, so that what was read from its memory was the caller's.
int clinux_guard_waits(int listener, uint64_t id);

/// Answers a stopped call with a value, or with a negative errno.
void clinux_guard_answer(int listener, uint64_t id, int64_t result);

/// Lets the kernel carry out a stopped call.
void clinux_guard_continue(int listener, uint64_t id);

/// A descriptor of another thread's, duplicated close-on-exec into this process, or a negative errno.
int clinux_descriptor_of(pid_t thread, int descriptor);

/// Reads another process's memory: the bytes read, which may be fewer, or a negative errno.
ssize_t clinux_read_memory(pid_t thread, uint64_t address, void *bytes, size_t count);

/// Writes it likewise.
ssize_t clinux_write_memory(pid_t thread, uint64_t address, const void *bytes, size_t count);

/// A descriptor that is readable when a thread has ended (before Linux 6.9: its process), or a negative errno.
int clinux_thread_descriptor(pid_t thread);

/// How a connect ended that was made on a thread of its own.
typedef struct clinux_connected {
    uint64_t identity;
    /// 0 or a negative errno.
    int64_t result;
} clinux_connected;

/// Connects a socket on a thread of its own, which blocks as the socket does, writes a `clinux_connected` to `results`,
/// closes the socket, and makes no other calls. 0 or a negative errno; then the socket is the caller's still.
int clinux_connect_aside(int socket, const void *address, unsigned length, int results, uint64_t identity);

/// The numbers of the system calls that the guard stops.
enum clinux_guarded_call {
    CLINUX_CALL_OTHER = 0,
    CLINUX_CALL_SOCKET,
    CLINUX_CALL_CONNECT,
    CLINUX_CALL_BIND,
    CLINUX_CALL_LISTEN,
    CLINUX_CALL_ACCEPT,
    CLINUX_CALL_SENDTO,
    CLINUX_CALL_SENDMSG,
    CLINUX_CALL_SENDMMSG,
    CLINUX_CALL_GETSOCKNAME,
    CLINUX_CALL_GETPEERNAME,
    CLINUX_CALL_GETSOCKOPT,
    CLINUX_CALL_RECVFROM,
    CLINUX_CALL_RECVMSG,
};

/// Which of them `number` is.
enum clinux_guarded_call clinux_guarded_call_of(int number);

#endif
