// The libc calls that carry addresses. What goes to the worker is decided here by the socket itself, never by its
// number; what the run doesn't cover is passed on without the secret, for the guard to refuse.
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/time.h>

#include "calls.h"
#include "coverage.h"
#include "run.h"

#define EXPORT __attribute__((visibility("default")))

// Families that don't leave the machine, or aren't networks.
static int is_local(int domain) { return domain == AF_UNIX || domain == AF_NETLINK || domain == AF_ALG; }

// Whether there is an address to look at.
static int is_address(const struct sockaddr *address, socklen_t length) {
    return length && length <= sizeof(struct sockaddr_storage) && is_readable(address, length);
}

// Whether a call that names `address` may pass on this socket.
static int may_name(int fd, const struct sockaddr *address, socklen_t length, int flags) {
    int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
    if (domain < 0 || is_local(domain)) return 1;
    if (domain != AF_INET && domain != AF_INET6) return 0;
    int type = socket_option(fd, SOL_SOCKET, SO_TYPE);
    if (type == SOCK_STREAM) return !(flags & MSG_FASTOPEN);
    return type == SOCK_DGRAM && is_address(address, length) && passes_datagrams(address, length);
}

static int is_fast_open(int fd, int flags) {
    return (flags & MSG_FASTOPEN) && socket_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
}

static int is_internet_stream(int fd) {
    int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && socket_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
}

static long connect_raw(const run *run, int fd, const void *address, socklen_t length) {
    long result = known_call(run, SYS_connect, fd, address, length, 0);
    if (result == -ECONNRESET || result == -ECONNABORTED) return -recorded_error(fd, run, (int)-result);
    return result;
}

// A socket that was connected, and isn't any more, still names the port that it had. One that is bound can't be bound
// again (EINVAL); another one is told that the worker's port is in use, and stays as it is.
static int is_bound(const run *run, int fd, int domain) {
    lamina_run_address taken = {0};
    taken.storage.any.sa_family = domain;
    if (domain == AF_INET) {
        taken.storage.ipv4.sin_port = htons(run->port4);
        taken.storage.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        taken.storage.ipv6.sin6_port = htons(run->port6);
        taken.storage.ipv6.sin6_addr = in6addr_loopback;
    }
    if (!taken.storage.ipv4.sin_port) return 1;
    return known_call(run, SYS_bind, fd, &taken.storage, sizeof taken.storage, 0) != -EADDRINUSE;
}

// What the socket is bound to, if anything.
static void local_address(const run *run, int fd, lamina_run_address *local) {
    socklen_t length = sizeof local->storage;
    if (known_call(run, SYS_getsockname, fd, &local->storage, (long)&length, 0) < 0) return;
    int domain = local->storage.any.sa_family;
    int named = local->storage.ipv4.sin_port != 0;
    if (!named && domain == AF_INET) named = local->storage.ipv4.sin_addr.s_addr != 0;
    if (!named && domain == AF_INET6) named = !IN6_IS_ADDR_UNSPECIFIED(&local->storage.ipv6.sin6_addr);
    if (named && is_bound(run, fd, domain)) local->length = length;
}

// Whether the program can't ask the worker for want of a descriptor. The guard needs none: it takes the same call, made
// without the secret.
static int has_no_descriptors(long result) { return result == -EMFILE || result == -ENFILE; }

// A connect that the worker decides about.
typedef struct connecting {
    const run *run;
    int fd, worker;
    // F_GETFL.
    long flags;
    lamina_run_request request;
    lamina_run_reply reply;
    // The socket is connected for the chain to speak on it, and isn't the program's yet.
    int is_lent;
    // What the caller answers, in whose place the connection is made in the background.
    long early;
} connecting;

static int is_nonblocking(const connecting *c) { return (c->flags & O_NONBLOCK) != 0; }

// How long a non-blocking connect is held up for what the chain says on the socket, in milliseconds: as long as it is
// for a chain that is pumped.
enum { LENDING_PATIENCE = 20 };

// The socket is as before the connect; what the server has heard of it is a reset.
static void take_back(connecting *c) {
    if (!c->is_lent) return;
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    known_call(c->run, SYS_connect, c->fd, &nobody, sizeof nobody, 0);
    int error;
    socklen_t length = sizeof error;
    call6(SYS_getsockopt, c->fd, SOL_SOCKET, SO_ERROR, (long)&error, (long)&length, (long)c->run->secret[1]);
    call3(SYS_fcntl, c->fd, F_SETFL, c->flags);
    c->is_lent = 0;
}

// Tells the worker that a blocking connect has ended early for its caller, and waits for what is to become of the socket.
// A lent one is taken back only then: the chain would hear of that too, and may have finished meanwhile.
static long detach(connecting *c, long early) {
    c->early = early;
    prepare(&c->request, c->run, LAMINA_RUN_DETACH);
    c->request.nonblocking = is_nonblocking(c);
    worker_send(c->worker, &c->request);
    long result;
    do {
        result = worker_receive(c->worker, &c->reply, sizeof c->reply);
    } while (result == -EINTR || result == -EAGAIN);
    return result;
}

// Waits for the verdict on a connect. A blocking one ends early by a signal or the socket's send time-out, as the
// kernel's does, and one that doesn't block when its socket has been lent for too long: then the connection is made in
// the background.
static long verdict(connecting *c) {
    int stays = is_nonblocking(c) || c->early;
    int patient = c->early || (is_nonblocking(c) && !c->is_lent);
    long result;
    do {
        result = worker_receive(c->worker, &c->reply, sizeof c->reply);
    } while ((result == -EINTR && stays) || (result == -EAGAIN && patient));
    if (result != -EINTR && result != -EAGAIN) return result;
    return detach(c, result == -EAGAIN ? -EINPROGRESS : -EINTR);
}

// Waits a little for a connect of a lent socket that doesn't block. 0, how it failed, or -EINPROGRESS.
static long await_connected(connecting *c) {
    struct pollfd ready = {.fd = c->fd, .events = POLLOUT};
    struct timespec patience = {.tv_nsec = LENDING_PATIENCE * 1000000};
    if (call6(SYS_ppoll, (long)&ready, 1, (long)&patience, 0, 0, 0) <= 0) return -EINPROGRESS;
    int error = 0;
    socklen_t length = sizeof error;
    call6(SYS_getsockopt, c->fd, SOL_SOCKET, SO_ERROR, (long)&error, (long)&length, (long)c->run->secret[1]);
    struct timeval rest = {.tv_usec = LENDING_PATIENCE * 1000};
    call6(SYS_setsockopt, c->worker, SOL_SOCKET, SO_RCVTIMEO, (long)&rest, sizeof rest, 0);
    return -error;
}

// Connects to where the worker says. What came of it, once the worker has nothing more to say.
static long carry_out(connecting *c) {
    long result = 0;
    while ((result = -c->reply.error) == 0 && c->reply.way != LAMINA_RUN_READY) {
        take_back(c);
        result = connect_raw(c->run, c->fd, &c->reply.address.storage, c->reply.address.length);
        if (result == -EINPROGRESS && c->reply.way == LAMINA_RUN_LENT) result = await_connected(c);
        int made = result == 0 || result == -EINPROGRESS || result == -EINTR;
        c->is_lent = made && c->reply.way == LAMINA_RUN_LENT;
        if (c->is_lent && result != 0) {
            if (detach(c, result) < 0) return -ENETDOWN;
            continue;
        }
        int pumped = c->reply.way == LAMINA_RUN_PUMPED;
        if (c->reply.way == LAMINA_RUN_OWN || (made && pumped)) return result;
        prepare(&c->request, c->run, pumped ? LAMINA_RUN_ABANDON : LAMINA_RUN_DONE);
        c->request.nonblocking = is_nonblocking(c);
        c->request.error = (int)-result;
        if (!c->is_lent && (made || pumped)) {
            worker_send(c->worker, &c->request);
            return result;
        }
        // The chain has the last word: it speaks on a lent socket, or it may know another address than one that failed.
        long failed = result ? result : -ENETDOWN;
        result = c->is_lent ? worker_lend(c->worker, &c->request, c->fd) : worker_send(c->worker, &c->request);
        if (result < 0 || verdict(c) < 0) return failed;
    }
    return result;
}

static void allow_reuse(int fd, int allowed) {
    call6(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, (long)&allowed, sizeof allowed, 0);
}

// How long the socket's sends wait at most, and connects with them.
static struct timeval send_patience(int fd) {
    struct timeval patience = {0};
    socklen_t length = sizeof patience;
    call6(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)&patience, (long)&length, 0);
    return patience;
}

static long connect_stream(const run *run, int fd, const lamina_run_address *destination) {
    connecting c = {.run = run, .fd = fd, .flags = call3(SYS_fcntl, fd, F_GETFL, 0)};
    if (c.flags < 0) return c.flags;
    lamina_run_request *request = &c.request;
    prepare(request, run, LAMINA_RUN_CONNECT);
    request->destination = *destination;
    request->cookie = socket_cookie(fd);
    request->nonblocking = is_nonblocking(&c);
    struct timeval patience = {0};
    if (!request->nonblocking) patience = send_patience(fd);
    // With fast open the connection begins with what the program sends.
    request->lends =
        !patience.tv_sec && !patience.tv_usec && socket_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT) <= 0;
    if (destination->storage.any.sa_family == AF_INET6) {
        request->ipv6_only = socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0;
        // A proxy may be of either family.
        if (request->ipv6_only) request->lends = 0;
        if (request->ipv6_only && IN6_IS_ADDR_V4MAPPED(&destination->storage.ipv6.sin6_addr)) return -ENETUNREACH;
    }
    local_address(run, fd, &request->local);
    // The chain connects from the same port, which two sockets share if both allow it.
    int held = request->local.length && request->local.storage.ipv4.sin_port
        && socket_option(fd, SOL_SOCKET, SO_REUSEADDR) == 0;

    c.worker = worker_open(run);
    if (has_no_descriptors(c.worker)) {
        return call3(SYS_connect, fd, (long)&destination->storage, destination->length);
    }
    if (c.worker < 0) return c.worker;
    if (patience.tv_sec || patience.tv_usec) {
        call6(SYS_setsockopt, c.worker, SOL_SOCKET, SO_RCVTIMEO, (long)&patience, sizeof patience, 0);
    }
    if (held) allow_reuse(fd, 1);
    long result = worker_send(c.worker, request);
    if (result == 0) result = verdict(&c);
    if (result == 0) result = carry_out(&c);
    if (c.is_lent && result == 0) {
        call3(SYS_fcntl, fd, F_SETFL, c.flags);
        // As every connect does that doesn't block; the socket is ready already.
        if (is_nonblocking(&c)) result = -EINPROGRESS;
    } else {
        take_back(&c);
    }
    if (c.early && (result == 0 || result == -EINPROGRESS)) result = c.early;
    worker_close(c.worker);
    if (held) allow_reuse(fd, 0);
    return result;
}

static long do_connect(int fd, const struct sockaddr *address, socklen_t length) {
    const run *run = current_run();
    int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
    if (!run->known) return call3(SYS_connect, fd, (long)address, length);
    if (domain < 0 || is_local(domain)) return connect_raw(run, fd, address, length);
    if (domain != AF_INET && domain != AF_INET6) return call3(SYS_connect, fd, (long)address, length);
    // Too short, or of another family: the kernel fails it, or takes it as the wish to disconnect.
    socklen_t least = domain == AF_INET ? sizeof(struct sockaddr_in) : 24;
    if (length < least || length > sizeof(struct sockaddr_storage)) return connect_raw(run, fd, address, length);
    if (!is_readable(address, length)) return call3(SYS_connect, fd, (long)address, length);
    if (address->sa_family != domain) return connect_raw(run, fd, address, length);
    if (socket_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM && passes_datagrams(address, length)) {
        return connect_raw(run, fd, address, length);
    }
    if (socket_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP) {
        return call3(SYS_connect, fd, (long)address, length);
    }
    if (coverage_of(address, length) == BYPASSED || !is_asked_about(address, length)) {
        return connect_raw(run, fd, address, length);
    }
    unsigned char state = 0;
    socklen_t one = sizeof state;
    call6(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, (long)&state, (long)&one, 0);
    // Connecting, connected or listening: the kernel knows what a second call answers.
    if (state != TCP_CLOSE) return connect_raw(run, fd, address, length);
    lamina_run_address destination = {0};
    destination.length = length < sizeof destination.storage ? length : sizeof destination.storage;
    memcpy(&destination.storage, address, destination.length);
    return connect_stream(run, fd, &destination);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length) {
    return (int)answer(do_connect(fd, address, length));
}

// Connects and sends, one after the other, as the kernel does for a server that it has no cookie of. A non-blocking
// socket has sent nothing then.
static long fast_open(const run *run, int fd, const struct msghdr *message, int flags) {
    // Without a destination nothing is opened, and the kernel knows what to answer.
    if (!message->msg_name) return known_call(run, SYS_sendmsg, fd, message, flags, 0);
    long result = do_connect(fd, message->msg_name, message->msg_namelen);
    if (result < 0) return result;
    struct msghdr rest = *message;
    rest.msg_name = 0;
    rest.msg_namelen = 0;
    return known_call(run, SYS_sendmsg, fd, &rest, flags & ~MSG_FASTOPEN, 0);
}

long waiting_call(const run *run, long number, int fd, const void *b, long c, long d) {
    int type;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    long result = known_call(run, number, fd, b, c, d);
    pthread_setcanceltype(type, 0);
    return result;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    const run *run = current_run();
    if (run->known && is_readable(message, sizeof *message)) {
        if (is_fast_open(fd, flags)) return answer(fast_open(run, fd, message, flags));
        if (!message->msg_name || may_name(fd, message->msg_name, message->msg_namelen, flags)) {
            return told(fd, answer(waiting_call(run, SYS_sendmsg, fd, message, flags, 0)));
        }
    }
    return told(fd, answer(call3(SYS_sendmsg, fd, (long)message, flags)));
}

EXPORT ssize_t sendto(
    int fd, const void *data, size_t count, int flags, const struct sockaddr *address, socklen_t length) {
    const run *run = current_run();
    // All six arguments are in use: a send that names somebody carries the secret as a sendmsg.
    if (run->known && (address || flags & MSG_FASTOPEN)) {
        struct iovec vector = {(void *)data, count};
        struct msghdr message = {
            .msg_name = (void *)address, .msg_namelen = length, .msg_iov = &vector, .msg_iovlen = 1};
        if (is_fast_open(fd, flags)) return answer(fast_open(run, fd, &message, flags));
        if (address && may_name(fd, address, length, flags)) {
            return told(fd, answer(waiting_call(run, SYS_sendmsg, fd, &message, flags, 0)));
        }
    }
    if (!address) return send(fd, data, count, flags);
    return told(fd, answer(call6(SYS_sendto, fd, (long)data, (long)count, flags, (long)address, length)));
}

// The first message opens; the rest go when it has been sent.
static long fast_open_several(const run *run, int fd, struct mmsghdr *messages, unsigned count, int flags) {
    if (!count) return 0;
    long sent = fast_open(run, fd, &messages[0].msg_hdr, flags);
    if (sent < 0) return sent;
    messages[0].msg_len = (unsigned)sent;
    if (count == 1) return 1;
    long rest = known_call(run, SYS_sendmmsg, fd, messages + 1, count - 1, flags & ~MSG_FASTOPEN);
    return rest < 0 ? 1 : 1 + rest;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    const run *run = current_run();
    int pass = run->known && (!count || is_readable(messages, sizeof *messages));
    if (pass && is_fast_open(fd, flags)) return (int)answer(fast_open_several(run, fd, messages, count, flags));
    for (unsigned i = 0; pass && i < count; i++) {
        const struct msghdr *message = &messages[i].msg_hdr;
        // Those before a bad one are sent, as the kernel sends them.
        if (!is_readable(&messages[i], sizeof messages[i])) count = i;
        else pass = !message->msg_name || may_name(fd, message->msg_name, message->msg_namelen, flags);
    }
    if (pass) return (int)told(fd, answer(waiting_call(run, SYS_sendmmsg, fd, messages, count, flags)));
    return (int)answer(call6(SYS_sendmmsg, fd, (long)messages, count, flags, 0, 0));
}

// Whether the program may serve with this socket.
static int may_serve(int fd) {
    int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
    return is_local(domain) || ((domain == AF_INET || domain == AF_INET6) && passes_server_socket(fd));
}

static int may_bind(int fd, const struct sockaddr *address, socklen_t length) {
    int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
    if (is_local(domain)) return 1;
    if (domain != AF_INET && domain != AF_INET6) return 0;
    int type = socket_option(fd, SOL_SOCKET, SO_TYPE);
    return type == SOCK_STREAM || (type == SOCK_DGRAM && is_address(address, length) && passes_server(address, length));
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length) {
    const run *run = current_run();
    if (run->known && may_bind(fd, address, length)) {
        return (int)answer(known_call(run, SYS_bind, fd, address, length, 0));
    }
    return (int)answer(call3(SYS_bind, fd, (long)address, length));
}

EXPORT int listen(int fd, int backlog) {
    const run *run = current_run();
    if (run->known && may_serve(fd)) {
        return (int)answer(known_call(run, SYS_listen, fd, (const void *)(long)backlog, 0, 0));
    }
    return (int)answer(call3(SYS_listen, fd, backlog, 0));
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    const run *run = current_run();
    if (run->known && may_serve(fd)) {
        return (int)answer(waiting_call(run, SYS_accept4, fd, address, (long)length, flags));
    }
    return (int)answer(call6(SYS_accept4, fd, (long)address, (long)length, flags, 0, 0));
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length) { return accept4(fd, address, length, 0); }

// The worker's answer about a socket's name, cut to the caller's buffer as the kernel cuts it. It knows the names of
// pumped sockets, and the peer that was asked for where a layer chose another.
static int name_from_worker(int fd, uint32_t kind, struct sockaddr *address, socklen_t *length, socklen_t room) {
    const run *run = current_run();
    if (!run->known || !(kind == LAMINA_RUN_PEER ? is_internet_stream(fd) : is_pumped(fd, run))) return 0;
    // A peer that was never the run's has no other name.
    if (kind == LAMINA_RUN_PEER && *length <= room && !is_pumped(fd, run)
        && coverage_of(address, *length) == BYPASSED) {
        return 0;
    }
    lamina_run_request request;
    lamina_run_reply reply;
    prepare(&request, run, kind);
    request.cookie = socket_cookie(fd);
    long asked = ask(run, &request, &reply, sizeof reply);
    if (has_no_descriptors(asked)) {
        *length = room;
        long number = kind == LAMINA_RUN_PEER ? SYS_getpeername : SYS_getsockname;
        return call3(number, fd, (long)address, (long)length) == 0;
    }
    if (asked < 0 || reply.error || !reply.address.length) return 0;
    memcpy(address, &reply.address.storage, room < reply.address.length ? room : reply.address.length);
    *length = reply.address.length;
    return 1;
}

// A datagram of a socket, or its peer, may be what stands for a name server.
int name_server(const run *run, int fd, struct sockaddr *address, socklen_t *length, socklen_t room) {
    if (!run->known || *length > room || !is_stand_in(address, *length)) return 0;
    if (socket_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return 0;
    lamina_run_request request;
    lamina_run_reply reply;
    prepare(&request, run, LAMINA_RUN_NAME_SERVER_OF);
    request.destination.length = *length;
    memcpy(&request.destination.storage, address, *length);
    if (ask(run, &request, &reply, sizeof reply) < 0 || reply.error) return 0;
    memcpy(address, &reply.address.storage, room < reply.address.length ? room : reply.address.length);
    *length = reply.address.length;
    return 1;
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length) {
    socklen_t room = is_readable(length, sizeof *length) ? *length : 0;
    long result = known_call(current_run(), SYS_getpeername, fd, address, (long)length, 0);
    if (result == 0) {
        int saved = errno;
        if (!name_server(current_run(), fd, address, length, room)) {
            name_from_worker(fd, LAMINA_RUN_PEER, address, length, room);
        }
        errno = saved;
    }
    return (int)answer(result);
}

EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *length) {
    socklen_t room = is_readable(length, sizeof *length) ? *length : 0;
    long result = known_call(current_run(), SYS_getsockname, fd, address, (long)length, 0);
    if (result == 0) name_from_worker(fd, LAMINA_RUN_LOCAL, address, length, room);
    return (int)answer(result);
}

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    const run *run = current_run();
    // Five arguments are in use, and one is enough to know who asks.
    long result = call6(SYS_getsockopt, fd, level, name, (long)value, (long)length, (long)run->secret[1]);
    if (result == 0 && level == SOL_SOCKET && name == SO_ERROR && *length == sizeof(int)) {
        int error;
        memcpy(&error, value, sizeof error);
        if ((error == ECONNRESET || error == EPIPE) && run->known) {
            error = recorded_error(fd, run, error);
            memcpy(value, &error, sizeof error);
        }
    }
    return (int)answer(result);
}
