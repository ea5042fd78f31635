#define _GNU_SOURCE
#include "run.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"
#include "coverage.h"

extern char **environ;

// Written with the same values by whoever comes first, so that two threads or a vfork child can't disagree; `known`
// is published last.
static run here;
static int looked;

int hexadecimal_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// 32 hexadecimal digits and a comma, most significant first.
static const char *parse_words(const char *text, uint64_t words[2]) {
    for (int word = 0; word < 2; word++) {
        uint64_t value = 0;
        for (int i = 0; i < 16; i++, text++) {
            int d = hexadecimal_digit(*text);
            if (d < 0) return 0;
            value = value << 4 | (uint64_t)d;
        }
        words[word] = value;
    }
    return *text == ',' ? text + 1 : 0;
}

static const char *parse_port(const char *text, uint16_t *port) {
    unsigned value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (unsigned)(*text - '0');
        if (value > 65535) return 0;
    }
    *port = (uint16_t)value;
    return text;
}

static void look(void) {
    static const char variable[] = LAMINA_RUN_VARIABLE "=";
    if (!environ) return;
    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, variable, sizeof variable - 1)) continue;
        const char *text = *entry + sizeof variable - 1;
        run found = {0};
        uint64_t name[2];
        const char *next = parse_words(text, name);
        if (!next || !(next = parse_words(next, found.secret))) return;
        if (!(next = parse_port(next, &found.port4)) || *next++ != ',') return;
        if (!(next = parse_port(next, &found.port6)) || *next++ != ',' || !parse_rules(next)) return;
        // The abstract name is a NUL and the 32 digits as they stand.
        memcpy(here.name + 1, text, 32);
        here.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 33);
        here.secret[0] = found.secret[0];
        here.secret[1] = found.secret[1];
        here.port4 = found.port4;
        here.port6 = found.port6;
        const void *random = (const void *)getauxval(AT_RANDOM);
        if (random) memcpy(&here.image, random, sizeof here.image);
        __atomic_store_n(&here.known, 1, __ATOMIC_RELEASE);
        return;
    }
}

const run *current_run(void) {
    if (!__atomic_load_n(&here.known, __ATOMIC_ACQUIRE) && !__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
        look();
        if (environ) __atomic_store_n(&looked, 1, __ATOMIC_RELEASE);
    }
    return &here;
}

// Keeps what the environment says before the program may clear it.
__attribute__((constructor)) static void remember(void) { current_run(); }

long known_call(const run *run, long number, int fd, const void *b, long c, long d) {
    return call6(number, fd, (long)b, c, d, (long)run->secret[0], (long)run->secret[1]);
}

long answer(long result) {
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

int worker_open(const run *run) {
    long worker = call3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (worker < 0) return (int)worker;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, run->name, 33);
    long result;
    do {
        // Waits only while the worker's queue is full.
        result = known_call(run, SYS_connect, (int)worker, &name, run->length, 0);
    } while (result == -EINTR);
    if (result < 0) {
        worker_close((int)worker);
        // Nobody listens: the worker is gone for good.
        return result == -ECONNREFUSED || result == -ENOENT ? -ENETDOWN : (int)result;
    }
    return (int)worker;
}

void worker_close(int worker) { call3(SYS_close, worker, 0, 0); }

long worker_send(int worker, const lamina_run_request *request) {
    long result;
    do {
        result = call6(SYS_sendto, worker, (long)request, sizeof *request, MSG_NOSIGNAL, 0, 0);
    } while (result == -EINTR);
    return result < 0 ? -ENETDOWN : 0;
}

long worker_lend(int worker, const lamina_run_request *request, int fd) {
    struct iovec part = {(void *)request, sizeof *request};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof fd)};
    long result;
    do {
        result = known_call(current_run(), SYS_sendmsg, worker, &message, MSG_NOSIGNAL, 0);
    } while (result == -EINTR);
    return result < 0 ? -ENETDOWN : 0;
}

// So often an answer is looked for before it is waited for, some 30 microseconds: one is there by then, mostly, and to
// be woken takes as long again.
enum { LOOKS = 100 };

long worker_receive(int worker, void *reply, size_t length) {
    long result = -EAGAIN;
    for (int i = 0; i < LOOKS && result == -EAGAIN; i++) {
        result = call6(SYS_recvfrom, worker, (long)reply, (long)length, MSG_DONTWAIT, 0, 0);
    }
    // An answer that comes with the end, between the kernel's looks for one and for the other, is there the next time.
    if (result == -EAGAIN || result == 0) result = call6(SYS_recvfrom, worker, (long)reply, (long)length, 0, 0, 0);
    if (result == -EINTR || result == -EAGAIN) return result;
    return result == (long)length ? 0 : -ENETDOWN;
}

void prepare(lamina_run_request *request, const run *run, uint32_t kind) {
    memset(request, 0, offsetof(lamina_run_request, name) + 1);
    request->secret[0] = run->secret[0];
    request->secret[1] = run->secret[1];
    request->version = LAMINA_RUN_VERSION;
    request->kind = kind;
    request->image = run->image;
    request->process = (int32_t)call3(SYS_getpid, 0, 0, 0);
}

long ask(const run *run, lamina_run_request *request, void *reply, size_t length) {
    int worker = worker_open(run);
    if (worker < 0) return worker;
    long result = worker_send(worker, request);
    if (result == 0) {
        do {
            result = worker_receive(worker, reply, length);
        } while (result == -EINTR || result == -EAGAIN);
    }
    worker_close(worker);
    return result;
}

int socket_option(int fd, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    long result = call6(SYS_getsockopt, fd, level, name, (long)&value, (long)&length, 0);
    return result < 0 ? (int)result : value;
}

uint64_t socket_cookie(int fd) {
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    if (call6(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, (long)&cookie, (long)&length, 0) < 0) return 0;
    return cookie;
}

int is_pumped(int fd, const run *run) {
    lamina_run_address peer;
    socklen_t length = sizeof peer.storage;
    if (known_call(run, SYS_getpeername, fd, &peer.storage, (long)&length, 0) < 0) return 0;
    if (peer.storage.any.sa_family == AF_INET) {
        return run->port4 && peer.storage.ipv4.sin_port == htons(run->port4)
            && peer.storage.ipv4.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    }
    if (peer.storage.any.sa_family != AF_INET6) return 0;
    const struct sockaddr_in6 *six = &peer.storage.ipv6;
    if (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)) return run->port6 && six->sin6_port == htons(run->port6);
    return run->port4 && six->sin6_port == htons(run->port4) && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)
        && six->sin6_addr.s6_addr32[3] == htonl(INADDR_LOOPBACK);
}

int recorded_error(int fd, const run *run, int error) {
    lamina_run_request request;
    lamina_run_reply reply;
    prepare(&request, run, LAMINA_RUN_ERROR);
    request.cookie = socket_cookie(fd);
    if (!request.cookie || ask(run, &request, &reply, sizeof reply) < 0) return error;
    return reply.error ? reply.error : error;
}
