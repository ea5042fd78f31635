// A network client for tests: `client MODE ARGUMENTS`. Results go to standard output, a line each; errors as numbers.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

typedef struct address {
    socklen_t length;
    struct sockaddr_storage storage;
} address;

static address at(const char *host, const char *port) {
    address a = {0};
    struct sockaddr_in *four = (void *)&a.storage;
    struct sockaddr_in6 *six = (void *)&a.storage;
    if (strchr(host, ':')) {
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
        inet_pton(AF_INET6, host, &six->sin6_addr);
        a.length = sizeof *six;
    } else {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port))};
        inet_pton(AF_INET, host, &four->sin_addr);
        a.length = sizeof *four;
    }
    return a;
}

static int open_stream(const address *a, int flags) { return socket(a->storage.ss_family, SOCK_STREAM | flags, 0); }

static int try_connect(int fd, const address *a) {
    return connect(fd, (const void *)&a->storage, a->length) < 0 ? errno : 0;
}

static int socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

static void command(int fd, const char *text) {
    if (write(fd, text, strlen(text)) < 0) printf("write %d\n", errno);
}

// Reads to the end of the stream: how many bytes, and a sum over them in their order.
static void drain(int fd, const char *what) {
    static unsigned char buffer[1 << 16];
    unsigned long long count = 0, sum = 1469598103934665603ull;
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < n; i++) sum = (sum ^ buffer[i]) * 1099511628211ull;
        count += (unsigned long long)n;
    }
    if (n < 0) printf("%s error %d\n", what, errno);
    else printf("%s %llu %llx\n", what, count, sum);
}

static void print_name(const char *what, int (*call)(int, struct sockaddr *, socklen_t *), int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char host[64], port[16];
    if (call(fd, (void *)&name, &length) < 0) {
        printf("%s error %d\n", what, errno);
        return;
    }
    getnameinfo((void *)&name, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    printf("%s %s %s\n", what, host, port);
}

static int mode_connect(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    int error = try_connect(fd, &a);
    printf("connect %d\n", error);
    if (error) return 1;
    print_name("peer", getpeername, fd);
    printf("kernel %d\n", kernels_peer(fd));
    command(fd, "echo\nhello");
    shutdown(fd, SHUT_WR);
    drain(fd, "read");
    return 0;
}

// The socket is in an edge-triggered set, and has its flags and options, before it connects.
static int mode_nonblocking(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    epoll_wait(set, &event, 1, 0);
    printf("connect %d\n", try_connect(fd, &a));
    int count = epoll_wait(set, &event, 1, 5000);
    printf("events %d %d\n", count, count == 1 && (event.events & EPOLLOUT) != 0);
    printf("error %d\n", socket_error(fd));
    printf("second %d\n", try_connect(fd, &a));
    printf("third %d\n", try_connect(fd, &a));
    socklen_t length = sizeof on;
    on = 0;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length);
    printf("flags %d %d %d\n", fcntl(fd, F_GETFD), (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, on);
    command(fd, "echo\nhello");
    shutdown(fd, SHUT_WR);
    char text[64];
    size_t got = 0;
    while (epoll_wait(set, &event, 1, 5000) == 1) {
        ssize_t n;
        while ((n = read(fd, text + got, sizeof text - got)) > 0) got += (size_t)n;
        if (n == 0) break;
    }
    printf("read %.*s\n", (int)got, text);
    return 0;
}

static int mode_datagram(char **v) {
    address a = at(v[0], v[1]);
    int fd = socket(a.storage.ss_family, SOCK_DGRAM, 0);
    printf("datagram %d\n", sendto(fd, "x", 1, 0, (void *)&a.storage, a.length) < 0 ? errno : 0);
    return 0;
}

// Connects and sends in one call.
static int mode_fast(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    printf("sent %zd\n", sendto(fd, "echo\nhello", 10, MSG_FASTOPEN, (void *)&a.storage, a.length));
    print_name("peer", getpeername, fd);
    shutdown(fd, SHUT_WR);
    drain(fd, "read");
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_name = &a.storage, .msg_namelen = a.length, .msg_iov = &vector, .msg_iovlen = 1};
    fd = open_stream(&a, SOCK_NONBLOCK);
    printf("sent %zd", sendmsg(fd, &message, MSG_FASTOPEN));
    printf(" %d\n", errno);
    return 0;
}

static int mode_again(char **v) {
    address dead = at(v[0], v[1]), live = at(v[0], v[2]);
    int fd = open_stream(&live, 0);
    printf("first %d\n", try_connect(fd, &dead));
    printf("second %d\n", try_connect(fd, &live));
    return 0;
}

static void tell_all(int fd) {
    printf("flags %d, error %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, socket_error(fd));
    print_name("peer", getpeername, fd);
    printf("kernel %d\n", kernels_peer(fd));
    command(fd, "echo\nhello");
    char text[6] = "";
    recv(fd, text, 5, MSG_WAITALL);
    printf("read %s\n", text);
}

// Connects, of IPv6 alone with a third argument, and says what has become of the socket. Nothing is shut down: small proxies end both directions then.
static int mode_open(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0), on = 1;
    if (v[2]) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    printf("connect %d\n", try_connect(fd, &a));
    tell_all(fd);
    return 0;
}

// The same for a socket that connects when something is sent.
static int mode_deferred(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
    printf("connect %d\n", try_connect(fd, &a));
    tell_all(fd);
    return 0;
}

// A connect that fails, and one on the same socket that doesn't.
static int mode_recover(char **v) {
    address dead = at(v[0], v[1]), live = at(v[0], v[2]);
    int fd = open_stream(&live, 0);
    printf("first %d\n", try_connect(fd, &dead));
    printf("flags %d, error %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, socket_error(fd));
    printf("second %d\n", try_connect(fd, &live));
    tell_all(fd);
    return 0;
}

static int mode_children(char **v) {
    fflush(stdout);
    if (fork() == 0) {
        mode_connect(v);
        exit(0);
    }
    wait(0);
    if (vfork() == 0) {
        execl("/proc/self/exe", "client", "connect", v[0], v[1], (char *)0);
        _exit(9);
    }
    wait(0);
    return 0;
}

// A connect to a port that doesn't answer, ended by the send time-out and by a signal.
static void ignore(int number) { (void)number; }
static int mode_slow(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    struct timeval patience = {0, 200000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    printf("timeout %d\n", try_connect(fd, &a));
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, 0);
    struct itimerval timer = {{0, 0}, {0, 100000}};
    fd = open_stream(&a, 0);
    setitimer(ITIMER_REAL, &timer, 0);
    printf("signal %d\n", try_connect(fd, &a));
    fd = open_stream(&a, SOCK_NONBLOCK);
    printf("nonblocking %d\n", try_connect(fd, &a));
    return 0;
}

// Connects that don't block, one after the other has been used.
static int mode_unblocked(char **v) {
    address a = at(v[0], v[1]);
    for (int count = atoi(v[2]); count > 0; count--) {
        int fd = open_stream(&a, SOCK_NONBLOCK);
        printf("connect %d\n", try_connect(fd, &a));
        fflush(stdout);
        struct pollfd waiting = {fd, POLLOUT, 0};
        poll(&waiting, 1, 20000);
        printf("connected %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && waiting.revents == POLLOUT);
        fcntl(fd, F_SETFL, 0);
        tell_all(fd);
    }
    return 0;
}

// A connect that a signal interrupts, and the connection that is made nevertheless.
static int mode_interrupted(char **v) {
    address a = at(v[0], v[1]);
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, 0);
    struct itimerval timer = {{0, 0}, {0, 100000}};
    int fd = open_stream(&a, 0);
    setitimer(ITIMER_REAL, &timer, 0);
    printf("signal %d\n", try_connect(fd, &a));
    fflush(stdout);
    tell_all(fd);
    return 0;
}

// A non-blocking connect that fails after it was begun.
static int mode_late(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, SOCK_NONBLOCK);
    printf("connect %d\n", try_connect(fd, &a));
    struct pollfd waiting = {fd, 0, 0};
    poll(&waiting, 1, 20000);
    printf("failed %d\n", (waiting.revents & (POLLERR | POLLHUP)) != 0);
    printf("error %d\n", socket_error(fd));
    return 0;
}

static int mode_bulk(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    printf("connect %d\n", try_connect(fd, &a));
    char text[64];
    snprintf(text, sizeof text, "bulk %s\n", v[2]);
    command(fd, text);
    drain(fd, "read");
    return 0;
}

// Sends so many bytes and ends at once, without waiting for anything.
static int mode_leave(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    if (try_connect(fd, &a)) return 1;
    static char zeros[1 << 16];
    command(fd, "sink\n");
    for (long left = atol(v[2]); left > 0;) {
        ssize_t n = write(fd, zeros, left < (long)sizeof zeros ? (size_t)left : sizeof zeros);
        if (n <= 0) return 2;
        left -= n;
    }
    return 0;
}

static int mode_reset(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    printf("connect %d\n", try_connect(fd, &a));
    command(fd, "reset\n");
    drain(fd, "read");
    return 0;
}

// Holds a connection until something happens to it, then makes another.
static int mode_hold(char **v) {
    address a = at(v[0], v[1]);
    int fd = open_stream(&a, 0);
    printf("connect %d\n", try_connect(fd, &a));
    command(fd, "hold\n");
    printf("held\n");
    fflush(stdout);
    drain(fd, "read");
    char go;
    if (read(0, &go, 1) < 0) return 1;
    fd = open_stream(&a, 0);
    printf("connect %d\n", try_connect(fd, &a));
    return 0;
}

// A stream in the middle of which something happens, and an echo that it must not touch: `streams HOST PORT ECHO COUNT`.
static int mode_streams(char **v) {
    address streaming = at(v[0], v[1]), echoing = at(v[0], v[2]);
    int stream = open_stream(&streaming, 0), echo = open_stream(&echoing, 0);
    printf("connect %d %d\n", try_connect(stream, &streaming), try_connect(echo, &echoing));
    char text[64];
    snprintf(text, sizeof text, "bulk %s\n", v[3]);
    command(stream, text);
    command(echo, "echo\n");
    printf("first %d\n", recv(stream, text, sizeof text, MSG_WAITALL) == sizeof text);
    fflush(stdout);
    if (read(0, text, 1) != 1) return 1;
    char rest[1 << 16];
    ssize_t n;
    while ((n = read(stream, rest, sizeof rest)) > 0) {}
    printf("stream %d\n", n < 0 ? errno : 0);
    command(echo, "hello");
    printf("echo %.*s\n", (int)recv(echo, text, 5, MSG_WAITALL), text);
    return 0;
}

// What another process hears from a run's worker: a connection to its port, and a question without the secret.
static int mode_stranger(char **v) {
    address a = at("127.0.0.1", v[0]);
    int fd = open_stream(&a, 0);
    char text[8];
    printf("connect %d", try_connect(fd, &a));
    printf(" %zd", recv(fd, text, sizeof text, 0));
    printf(" %d\n", errno);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path + 1, v[1], 32);
    fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    printf("ask %d", connect(fd, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 33) ? errno : 0);
    lamina_run_request question = {.version = LAMINA_RUN_VERSION, .kind = LAMINA_RUN_RESOLVE, .name = "localhost"};
    static lamina_run_names answer;
    send(fd, &question, sizeof question, 0);
    printf(" %zd\n", recv(fd, &answer, sizeof answer, 0));
    return 0;
}

static int mode_refused(char **v) {
    (void)v;
    address here_too = at("127.0.0.1", "9"), other = at("192.0.2.2", "9"), far = at("192.0.2.1", "54");
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    printf("send-to %d\n", sendto(datagram, "x", 1, 0, (void *)&other.storage, other.length) < 0 ? errno : 0);
    struct iovec vector = {"x", 1};
    struct mmsghdr message = {
        .msg_hdr = {.msg_name = &far.storage, .msg_namelen = far.length, .msg_iov = &vector, .msg_iovlen = 1}};
    printf("send-message %d\n", sendmsg(datagram, &message.msg_hdr, 0) < 0 ? errno : 0);
    printf("send-messages %d\n", sendmmsg(datagram, &message, 1, 0) < 0 ? errno : 0);
    printf("connect %d\n", try_connect(datagram, &far));
    printf("loopback %d\n", try_connect(datagram, &here_too));
    address here = at("0.0.0.0", "0");
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    printf("bind %d\n", bind(stream, (void *)&here.storage, here.length) < 0 ? errno : 0);
    printf("listen %d\n", listen(stream, 1) < 0 ? errno : 0);
    printf("accept %d\n", accept(stream, 0, 0) < 0 ? errno : 0);
    printf("raw %d\n", socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0);
    printf("packet %d\n", socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0);
    printf("mptcp %d\n", socket(AF_INET, SOCK_STREAM, 262) < 0 ? errno : 0);
    printf("io_uring %d\n", syscall(425, 4, 0) < 0 ? errno : 0);
#if defined(__x86_64__)
    // socket(AF_INET, SOCK_STREAM, 0) by the gates of 32-bit x86 and of x32.
    long result = 359;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(2L), "c"(1L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
    printf("i386 %ld\n", -(long)(int)result);
    printf("x32 %d\n", syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0);
#endif
    return 0;
}

static int mode_local(char **v) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", v[0]);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (void *)&name, sizeof name) || listen(server, 1)) printf("listen %d\n", errno);
    printf("connect %d\n", connect(client, (void *)&name, sizeof name) ? errno : 0);
    int accepted = accept(server, 0, 0);
    char text[8] = "";
    command(client, "local");
    if (read(accepted, text, sizeof text) < 0) return 1;
    printf("read %s\n", text);
    return 0;
}

static int mode_names(char **v) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *list = 0;
    int status = getaddrinfo(v[0], v[1], &hints, &list);
    printf("status %d\n", status);
    for (struct addrinfo *entry = list; entry; entry = entry->ai_next) {
        char host[64], port[16];
        getnameinfo(entry->ai_addr, entry->ai_addrlen, host, sizeof host, port, sizeof port,
            NI_NUMERICHOST | NI_NUMERICSERV);
        printf("address %s %s\n", host, port);
    }
    if (list) {
        printf("canonical %s\n", list->ai_canonname);
        freeaddrinfo(list);
    }
    return 0;
}

static int mode_host(char **v) {
    struct hostent *host = gethostbyname(v[0]);
    if (!host) {
        printf("host error %d\n", h_errno);
        return 1;
    }
    char text[64];
    printf("host %s %s\n", host->h_name, inet_ntop(host->h_addrtype, host->h_addr_list[0], text, sizeof text));
    return 0;
}

int main(int count, char **v) {
    static const struct { const char *name; int (*run)(char **); } modes[] = {
        {"connect", mode_connect}, {"nonblocking", mode_nonblocking}, {"unblocked", mode_unblocked}, {"again", mode_again},
        {"children", mode_children}, {"slow", mode_slow}, {"late", mode_late}, {"bulk", mode_bulk}, {"leave", mode_leave},
        {"open", mode_open}, {"deferred", mode_deferred}, {"recover", mode_recover}, {"interrupted", mode_interrupted},
        {"reset", mode_reset}, {"hold", mode_hold}, {"stranger", mode_stranger}, {"fast", mode_fast}, {"datagram", mode_datagram},
        {"streams", mode_streams}, {"refused", mode_refused},
        {"local", mode_local}, {"names", mode_names}, {"host", mode_host},
    };
    setvbuf(stdout, 0, _IOLBF, 0);
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (!strcmp(modes[i].name, v[1])) return modes[i].run(v + 2);
    }
    return 99;
}
