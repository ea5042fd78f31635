/// Sockets by raw system calls: fixed arity, never through libc's functions of the same names, which the program may
/// have replaced. All answer a negative errno where they fail, and none touches `errno`.
#ifndef CLINUX_SOCKET_H
#define CLINUX_SOCKET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#define CLINUX_OPTIONAL _Nullable
#else
#define CLINUX_OPTIONAL
#endif

/// One system call with six arguments; a call that takes fewer ignores the rest.
static inline __attribute__((always_inline)) long clinux_raw_call(
    long number, long first, long second, long third, long fourth, long fifth, long sixth) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    register long r9 __asm__("r9") = sixth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x3 __asm__("x3") = fourth;
    register long x4 __asm__("x4") = fifth;
    register long x5 __asm__("x5") = sixth;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "raw system calls are written for x86_64 and aarch64"
#endif
}

/// socket, close-on-exec and non-blocking.
static inline int clinux_raw_socket(int family, int type, int protocol) {
    return (int)clinux_raw_call(SYS_socket, family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol, 0, 0, 0);
}

/// close.
static inline int clinux_raw_close(int descriptor) {
    return (int)clinux_raw_call(SYS_close, descriptor, 0, 0, 0, 0, 0);
}

/// bind.
static inline int clinux_raw_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    return (int)clinux_raw_call(SYS_bind, descriptor, (long)address, (long)length, 0, 0, 0);
}

/// listen.
static inline int clinux_raw_listen(int descriptor, int backlog) {
    return (int)clinux_raw_call(SYS_listen, descriptor, backlog, 0, 0, 0, 0);
}

/// accept4, close-on-exec and non-blocking.
static inline int clinux_raw_accept(
    int descriptor, struct sockaddr *CLINUX_OPTIONAL address, socklen_t *CLINUX_OPTIONAL length) {
    return (int)clinux_raw_call(
        SYS_accept4, descriptor, (long)address, (long)length, SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0);
}

/// connect.
static inline int clinux_raw_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    return (int)clinux_raw_call(SYS_connect, descriptor, (long)address, (long)length, 0, 0, 0);
}

/// getsockname.
static inline int clinux_raw_local_name(int descriptor, struct sockaddr *address, socklen_t *length) {
    return (int)clinux_raw_call(SYS_getsockname, descriptor, (long)address, (long)length, 0, 0, 0);
}

/// getpeername.
static inline int clinux_raw_remote_name(int descriptor, struct sockaddr *address, socklen_t *length) {
    return (int)clinux_raw_call(SYS_getpeername, descriptor, (long)address, (long)length, 0, 0, 0);
}

/// send (sendto without an address).
static inline __attribute__((always_inline)) long clinux_raw_send(
    int descriptor, const void *CLINUX_OPTIONAL bytes, size_t count, int flags) {
    return clinux_raw_call(SYS_sendto, descriptor, (long)bytes, (long)count, flags, 0, 0);
}

/// recv (recvfrom without an address).
static inline __attribute__((always_inline)) long clinux_raw_receive(
    int descriptor, void *CLINUX_OPTIONAL bytes, size_t count, int flags) {
    return clinux_raw_call(SYS_recvfrom, descriptor, (long)bytes, (long)count, flags, 0, 0);
}

/// sendmsg.
static inline __attribute__((always_inline)) long clinux_raw_send_message(
    int descriptor, const struct msghdr *message, int flags) {
    return clinux_raw_call(SYS_sendmsg, descriptor, (long)message, flags, 0, 0, 0);
}

/// recvmsg.
static inline __attribute__((always_inline)) long clinux_raw_receive_message(
    int descriptor, struct msghdr *message, int flags) {
    return clinux_raw_call(SYS_recvmsg, descriptor, (long)message, flags, 0, 0, 0);
}

/// One message of `clinux_raw_send_messages` (struct mmsghdr).
typedef struct clinux_message {
    struct msghdr header;
    unsigned int length;
} clinux_message;

/// The most messages of one system call that `clinux_with_messages` has room for.
enum { clinux_most_messages = 64 };

/// Calls `body` with room for `clinux_most_messages` on the stack, uninitialised, and answers what it answers.
static inline int clinux_with_messages(
    int (*body)(clinux_message *messages, void *context), void *context) {
    clinux_message messages[clinux_most_messages];
    return body(messages, context);
}

/// sendmmsg: how many messages were sent.
static inline int clinux_raw_send_messages(int descriptor, clinux_message *messages, unsigned count, int flags) {
    return (int)clinux_raw_call(SYS_sendmmsg, descriptor, (long)messages, (long)count, flags, 0, 0);
}

/// recvmmsg without a time limit: how many messages were received.
static inline int clinux_raw_receive_messages(int descriptor, clinux_message *messages, unsigned count, int flags) {
    return (int)clinux_raw_call(SYS_recvmmsg, descriptor, (long)messages, (long)count, flags, 0, 0);
}

/// shutdown: 0 receiving, 1 sending, 2 both.
static inline int clinux_raw_shutdown(int descriptor, int how) {
    return (int)clinux_raw_call(SYS_shutdown, descriptor, how, 0, 0, 0, 0);
}

/// setsockopt.
static inline int clinux_raw_set_option(
    int descriptor, int level, int name, const void *CLINUX_OPTIONAL value, socklen_t length) {
    return (int)clinux_raw_call(SYS_setsockopt, descriptor, level, name, (long)value, (long)length, 0);
}

/// getsockopt.
static inline int clinux_raw_option(
    int descriptor, int level, int name, void *CLINUX_OPTIONAL value, socklen_t *length) {
    return (int)clinux_raw_call(SYS_getsockopt, descriptor, level, name, (long)value, (long)length, 0);
}

/// ioctl with a pointer.
static inline int clinux_raw_ioctl(int descriptor, unsigned long code, void *CLINUX_OPTIONAL argument) {
    return (int)clinux_raw_call(SYS_ioctl, descriptor, (long)code, (long)argument, 0, 0, 0);
}

/// ppoll of one descriptor that doesn't wait: the events that are there, out of `events` and the errors.
static inline int clinux_raw_poll_now(int descriptor, short events) {
    struct pollfd entry = {.fd = descriptor, .events = events, .revents = 0};
    long zero[2] = {0, 0};
    long result = clinux_raw_call(SYS_ppoll, (long)&entry, 1, (long)zero, 0, 0, 0);
    return result < 0 ? (int)result : entry.revents;
}

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
