#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
// socketcall, socket, bind, connect, listen, accept4, sendto, sendmsg, sendmmsg of 32-bit x86.
static const unsigned foreign_calls[] = {102, 359, 361, 362, 363, 364, 369, 370, 345};
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
// socket, bind, connect, listen, accept, sendto, sendmsg, accept4, sendmmsg of 32-bit ARM.
static const unsigned foreign_calls[] = {281, 282, 283, 284, 285, 290, 296, 366, 374};
#else
#error "the guard knows x86-64 and aarch64"
#endif

enum { FOREIGN_IO_URING_SETUP = 425, X32_BIT = 0x40000000 };

// The calls that pass if they carry the secret.
static const unsigned keyed_calls[] = {
    SYS_connect, SYS_sendmsg, SYS_sendmmsg, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname,
    SYS_getpeername, SYS_recvmsg};

// A filter under construction. Every jump is a short one forward, by its own arithmetic.
typedef struct builder {
    struct sock_filter code[128];
    unsigned short length;
    // What a call carries that is passed.
    const uint64_t *secret;
} builder;

static void statement(builder *b, unsigned short code, unsigned value) {
    b->code[b->length++] = (struct sock_filter)BPF_STMT(code, value);
}

static void branch(builder *b, unsigned short test, unsigned value, unsigned char yes, unsigned char no) {
    b->code[b->length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, yes, no);
}

static void load(builder *b, size_t offset) { statement(b, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset); }

static size_t argument(int index, int high) {
    return offsetof(struct seccomp_data, args) + (size_t)index * 8 + (high ? 4 : 0);
}

static void answer(builder *b, unsigned action) { statement(b, BPF_RET | BPF_K, action); }

// Stops the call unless this word of the secret is in the argument that the call doesn't use.
static void word(builder *b, int index) {
    load(b, argument(4 + index, 0));
    branch(b, BPF_JEQ, (unsigned)b->secret[index], 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    load(b, argument(4 + index, 1));
    branch(b, BPF_JEQ, (unsigned)(b->secret[index] >> 32), 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
}

static void keyed(builder *b) {
    word(b, 0);
    word(b, 1);
    answer(b, SECCOMP_RET_ALLOW);
}

// The one option that tells how a connection went. Its fifth argument is in use.
static void socket_option(builder *b) {
    load(b, argument(1, 0));
    branch(b, BPF_JEQ, SOL_SOCKET, 1, 0);
    answer(b, SECCOMP_RET_ALLOW);
    load(b, argument(2, 0));
    branch(b, BPF_JEQ, SO_ERROR, 1, 0);
    answer(b, SECCOMP_RET_ALLOW);
    word(b, 1);
    answer(b, SECCOMP_RET_ALLOW);
}

// Stops a send or receive that names somebody: its fifth argument is an address.
static void with_address(builder *b) {
    load(b, argument(4, 0));
    branch(b, BPF_JEQ, 0, 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    load(b, argument(4, 1));
    branch(b, BPF_JEQ, 0, 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    answer(b, SECCOMP_RET_ALLOW);
}

// Passes sockets that stay on the machine, and TCP and UDP; stops the rest.
static void open_socket(builder *b) {
    load(b, argument(0, 0));
    branch(b, BPF_JEQ, AF_UNIX, 3, 0);
    branch(b, BPF_JEQ, AF_NETLINK, 2, 0);
    branch(b, BPF_JEQ, AF_ALG, 1, 0);
    branch(b, BPF_JA, 1, 0, 0);
    answer(b, SECCOMP_RET_ALLOW);
    branch(b, BPF_JEQ, AF_INET, 2, 0);
    branch(b, BPF_JEQ, AF_INET6, 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    load(b, argument(1, 0));
    statement(b, BPF_ALU | BPF_AND | BPF_K, 0xf);
    branch(b, BPF_JEQ, SOCK_STREAM, 2, 0);
    branch(b, BPF_JEQ, SOCK_DGRAM, 5, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    load(b, argument(2, 0));
    branch(b, BPF_JEQ, 0, 6, 0);
    branch(b, BPF_JEQ, 6 /* TCP */, 5, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    load(b, argument(2, 0));
    branch(b, BPF_JEQ, 0, 2, 0);
    branch(b, BPF_JEQ, 17 /* UDP */, 1, 0);
    answer(b, SECCOMP_RET_USER_NOTIF);
    answer(b, SECCOMP_RET_ALLOW);
}

// Skips what `body` emits unless the loaded number is `number`. The number stays loaded for what follows.
static void when(builder *b, unsigned number, void (*body)(builder *)) {
    unsigned short at = b->length;
    branch(b, BPF_JEQ, number, 0, 0);
    body(b);
    b->code[at].jf = (unsigned char)(b->length - at - 1);
}

static void no_such_call(builder *b) { answer(b, SECCOMP_RET_ERRNO | ENOSYS); }
static void stop(builder *b) { answer(b, SECCOMP_RET_USER_NOTIF); }

static void other_architecture(builder *b) {
    branch(b, BPF_JEQ, FOREIGN, 1, 0);
    answer(b, SECCOMP_RET_ERRNO | ENOSYS);
    load(b, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof foreign_calls / sizeof *foreign_calls; i++) when(b, foreign_calls[i], stop);
    when(b, FOREIGN_IO_URING_SETUP, no_such_call);
    answer(b, SECCOMP_RET_ALLOW);
}

static void build(builder *b, int is_open) {
    load(b, offsetof(struct seccomp_data, arch));
    unsigned short at = b->length;
    branch(b, BPF_JEQ, NATIVE, 0, 0);
    other_architecture(b);
    b->code[at].jt = (unsigned char)(b->length - at - 1);
    load(b, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    branch(b, BPF_JGE, X32_BIT, 0, 1);
    answer(b, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    if (!is_open) when(b, SYS_io_uring_setup, no_such_call);
    when(b, SYS_socket, open_socket);
    when(b, SYS_sendto, with_address);
    when(b, SYS_recvfrom, with_address);
    when(b, SYS_getsockopt, socket_option);
    const unsigned count = sizeof keyed_calls / sizeof *keyed_calls;
    for (unsigned i = 0; i < count; i++) branch(b, BPF_JEQ, keyed_calls[i], (unsigned char)(count - i), 0);
    answer(b, SECCOMP_RET_ALLOW);
    keyed(b);
}

int clinux_guard_install(const uint64_t secret[2], int is_open) {
    builder b = {.length = 0, .secret = secret};
    build(&b, is_open);
    struct sock_fprog program = {b.length, b.code};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    long listener = syscall(
        SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (listener < 0 && errno == EINVAL) listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener < 0) return -errno;
    // Only a matter of speed, and not in every kernel.
    ioctl((int)listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    return (int)listener;
}

// Room for what a later kernel may add to the struct.
typedef union notification {
    struct seccomp_notif known;
    char room[1024];
} notification;

int clinux_guard_receive(int listener, clinux_call *call) {
    notification n;
    memset(&n, 0, sizeof n);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
        return errno == ENOENT || errno == EINTR || errno == EAGAIN ? 0 : -errno;
    }
    call->id = n.known.id;
    call->thread = (pid_t)n.known.pid;
    call->number = n.known.data.nr;
    call->foreign = n.known.data.arch != NATIVE;
    for (int i = 0; i < 6; i++) call->arguments[i] = n.known.data.args[i];
    return 1;
}

int clinux_guard_waits(int listener, uint64_t id) { return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

static void reply(int listener, uint64_t id, int64_t value, int32_t error, uint32_t flags) {
    union {
        struct seccomp_notif_resp known;
        char room[1024];
    } response;
    memset(&response, 0, sizeof response);
    response.known.id = id;
    response.known.val = value;
    response.known.error = error;
    response.known.flags = flags;
    // ENOENT: the caller is gone, and nobody is left to hear it.
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void clinux_guard_answer(int listener, uint64_t id, int64_t result) {
    reply(listener, id, result < 0 ? 0 : result, result < 0 ? (int32_t)result : 0, 0);
}

void clinux_guard_continue(int listener, uint64_t id) {
    reply(listener, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

enum clinux_guarded_call clinux_guarded_call_of(int number) {
    switch (number) {
    case SYS_socket: return CLINUX_CALL_SOCKET;
    case SYS_connect: return CLINUX_CALL_CONNECT;
    case SYS_bind: return CLINUX_CALL_BIND;
    case SYS_listen: return CLINUX_CALL_LISTEN;
    case SYS_accept:
    case SYS_accept4: return CLINUX_CALL_ACCEPT;
    case SYS_sendto: return CLINUX_CALL_SENDTO;
    case SYS_sendmsg: return CLINUX_CALL_SENDMSG;
    case SYS_sendmmsg: return CLINUX_CALL_SENDMMSG;
    case SYS_getsockname: return CLINUX_CALL_GETSOCKNAME;
    case SYS_getpeername: return CLINUX_CALL_GETPEERNAME;
    case SYS_recvfrom: return CLINUX_CALL_RECVFROM;
    case SYS_recvmsg: return CLINUX_CALL_RECVMSG;
    case SYS_getsockopt: return CLINUX_CALL_GETSOCKOPT;
    default: return CLINUX_CALL_OTHER;
    }
}
