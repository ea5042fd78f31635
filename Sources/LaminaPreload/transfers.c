// The calls that move data, as libc's, but for one thing: a connect that was answered with EINPROGRESS and failed later
// shows as a reset, and the first call that meets it says what the chain said.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "run.h"

#define EXPORT __attribute__((visibility("default")))

static struct {
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*readv)(int, const struct iovec *, int);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    ssize_t (*send)(int, const void *, size_t, int);
} libc;

// libc's own are points where a thread can be cancelled; before they are known, the kernel's do.
__attribute__((constructor)) static void find(void) {
    *(void **)&libc.read = dlsym(RTLD_NEXT, "read");
    *(void **)&libc.write = dlsym(RTLD_NEXT, "write");
    *(void **)&libc.readv = dlsym(RTLD_NEXT, "readv");
    *(void **)&libc.writev = dlsym(RTLD_NEXT, "writev");
    *(void **)&libc.recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&libc.recvfrom = dlsym(RTLD_NEXT, "recvfrom");
    *(void **)&libc.send = dlsym(RTLD_NEXT, "send");
}

ssize_t told(int fd, ssize_t result) {
    if (__builtin_expect(result < 0 && errno == ECONNRESET, 0)) {
        const run *run = current_run();
        errno = run->known ? recorded_error(fd, run, ECONNRESET) : ECONNRESET;
    }
    return result;
}

EXPORT ssize_t read(int fd, void *data, size_t count) {
    return told(fd, libc.read ? libc.read(fd, data, count) : answer(call3(SYS_read, fd, (long)data, (long)count)));
}

EXPORT ssize_t write(int fd, const void *data, size_t count) {
    return told(fd, libc.write ? libc.write(fd, data, count) : answer(call3(SYS_write, fd, (long)data, (long)count)));
}

EXPORT ssize_t readv(int fd, const struct iovec *list, int count) {
    return told(fd, libc.readv ? libc.readv(fd, list, count) : answer(call3(SYS_readv, fd, (long)list, count)));
}

EXPORT ssize_t writev(int fd, const struct iovec *list, int count) {
    return told(fd, libc.writev ? libc.writev(fd, list, count) : answer(call3(SYS_writev, fd, (long)list, count)));
}

EXPORT ssize_t recv(int fd, void *data, size_t count, int flags) {
    if (libc.recv) return told(fd, libc.recv(fd, data, count, flags));
    return told(fd, answer(call6(SYS_recvfrom, fd, (long)data, (long)count, flags, 0, 0)));
}

// A receive that asks who sent carries the secret as a recvmsg: all arguments are in use.
EXPORT ssize_t recvfrom(int fd, void *data, size_t count, int flags, struct sockaddr *from, socklen_t *length) {
    const run *run = current_run();
    if (run->known && from && length && is_readable(length, sizeof *length)) {
        struct iovec vector = {data, count};
        struct msghdr message = {.msg_name = from, .msg_namelen = *length, .msg_iov = &vector, .msg_iovlen = 1};
        ssize_t result = recvmsg(fd, &message, flags);
        if (result >= 0) *length = message.msg_namelen;
        return result;
    }
    if (libc.recvfrom) return told(fd, libc.recvfrom(fd, data, count, flags, from, length));
    return told(fd, answer(call6(SYS_recvfrom, fd, (long)data, (long)count, flags, (long)from, (long)length)));
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    const run *run = current_run();
    socklen_t room = is_readable(message, sizeof *message) ? message->msg_namelen : 0;
    ssize_t result = told(fd, answer(waiting_call(run, SYS_recvmsg, fd, message, flags, 0)));
    if (result >= 0 && message->msg_name && room) {
        name_server(run, fd, message->msg_name, &message->msg_namelen, room);
    }
    return result;
}

EXPORT ssize_t send(int fd, const void *data, size_t count, int flags) {
    if (__builtin_expect(flags & MSG_FASTOPEN, 0)) return sendto(fd, data, count, flags, 0, 0);
    if (libc.send) return told(fd, libc.send(fd, data, count, flags));
    return told(fd, answer(call6(SYS_sendto, fd, (long)data, (long)count, flags, 0, 0)));
}
