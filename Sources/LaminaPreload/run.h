// The run that this process belongs to, and what is asked of its worker.
#ifndef LAMINA_PRELOAD_RUN_H
#define LAMINA_PRELOAD_RUN_H

#include "lamina_run.h"

typedef struct run {
    int known;
    uint64_t secret[2];
    // Random, by the kernel, for each exec.
    uint64_t image;
    uint16_t port4, port6;
    socklen_t length;
    unsigned char name[40];
} run;

#define HIDDEN __attribute__((visibility("hidden")))

// The run as the environment names it; `known` is 0 outside of one. Safe before any constructor and after vfork.
HIDDEN const run *current_run(void);

// A connection to the worker, or a negative errno.
HIDDEN int worker_open(const run *run);
HIDDEN void worker_close(int worker);
HIDDEN long worker_send(int worker, const lamina_run_request *request);
// The same, with a descriptor.
HIDDEN long worker_lend(int worker, const lamina_run_request *request, int fd);
// Waits for an answer of exactly `length` bytes; -EINTR and -EAGAIN as the socket's time-out and signals have it.
HIDDEN long worker_receive(int worker, void *reply, size_t length);

HIDDEN void prepare(lamina_run_request *request, const run *run, uint32_t kind);
// Asks and waits, whatever signals come. 0 or a negative errno.
HIDDEN long ask(const run *run, lamina_run_request *request, void *reply, size_t length);

HIDDEN int socket_option(int fd, int level, int name);
HIDDEN uint64_t socket_cookie(int fd);
// Whether `fd` is connected to one of the worker's listeners.
HIDDEN int is_pumped(int fd, const run *run);
// The errno that the worker recorded for `fd`, else `error`.
HIDDEN int recorded_error(int fd, const run *run, int error);

// A call with the secret in its fifth and sixth argument.
HIDDEN long known_call(const run *run, long number, int fd, const void *b, long c, long d);
// The same for one that waits, and can be cancelled, as libc's can.
HIDDEN long waiting_call(const run *run, long number, int fd, const void *b, long c, long d);
// Puts the name server that a program asked in the place of what stands for it, cut to `room` bytes; 0 where `address`
// is another's.
HIDDEN int name_server(const run *run, int fd, struct sockaddr *address, socklen_t *length, socklen_t room);
// Whether a node is an address, so that nobody has to be asked.
HIDDEN int is_numeric(const char *node);
// The worker's addresses of a name: 0 or an EAI_… code, with EAI_SYSTEM in errno which.
struct addrinfo;
HIDDEN int ask_names(const run *run, const char *node, const struct addrinfo *hints, lamina_run_names *names);
// The worker's name of an address, `names->canonical`: 0 or an EAI_… code as above.
HIDDEN int ask_name_of(const run *run, const struct sockaddr *address, socklen_t length, int flags,
    lamina_run_names *names);

// A transfer's value; one that failed with a reset has in errno what the chain said, if it did.
HIDDEN ssize_t told(int fd, ssize_t result);
// errno and -1, or the value.
HIDDEN long answer(long result);

#endif
