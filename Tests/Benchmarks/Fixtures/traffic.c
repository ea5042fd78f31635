// Traffic to measure a way of running programs by: `traffic MODE ARGUMENTS`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static struct sockaddr_in at(const char *port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void at_once(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int reach(const struct sockaddr_in *there, int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (!connect(fd, (const void *)there, sizeof *there)) return fd;
    if (errno != EINPROGRESS) fail("connect");
    struct pollfd ready = {fd, POLLOUT, 0};
    poll(&ready, 1, -1);
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) errno = error, fail("connect");
    return fd;
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void print_median(double *values, int count) {
    qsort(values, count, sizeof *values, by_size);
    printf("%.3f\n", values[count / 2]);
}

// `connect PORT COUNT`, `connect-nonblocking PORT COUNT`: the microseconds of a connect, a byte there and back, and a close.
static void connects(char **v, int flags) {
    struct sockaddr_in there = at(v[0]);
    int count = atoi(v[1]);
    double *values = calloc(count, sizeof *values);
    for (int i = -5; i < count; i++) {
        double begin = now();
        int fd = reach(&there, flags);
        char byte = 'e';
        struct pollfd ready = {fd, POLLIN, 0};
        if (write(fd, &byte, 1) != 1) fail("write");
        if (flags) poll(&ready, 1, -1);
        if (read(fd, &byte, 1) != 1) fail("read");
        if (i >= 0) values[i] = now() - begin;
        close(fd);
    }
    print_median(values, count);
}

static void exchange(int fd, const void *question, size_t length, void *answer, size_t expected) {
    if (write(fd, question, length) != (ssize_t)length || recv(fd, answer, expected, MSG_WAITALL) != (ssize_t)expected) {
        fail("socks5");
    }
}

// `connect-socks5 PORT COUNT PROXY`: the same through a SOCKS5 proxy on loopback, by a client that does nothing else.
static void connects_by_proxy(char **v) {
    struct sockaddr_in there = at(v[0]), proxy = at(v[2]);
    int count = atoi(v[1]);
    double *values = calloc(count, sizeof *values);
    unsigned char request[10] = {5, 1, 0, 1}, answer[10];
    memcpy(request + 4, &there.sin_addr, 4);
    memcpy(request + 8, &there.sin_port, 2);
    for (int i = -5; i < count; i++) {
        double begin = now();
        int fd = reach(&proxy, 0);
        char byte = 'e';
        exchange(fd, "\5\1\0", 3, answer, 2);
        exchange(fd, request, sizeof request, answer, sizeof answer);
        if (answer[1]) fail("socks5");
        exchange(fd, &byte, 1, &byte, 1);
        if (i >= 0) values[i] = now() - begin;
        close(fd);
    }
    print_median(values, count);
}

// `trips PORT COUNT`: the microseconds of 64 bytes there and back.
static void trips(char **v) {
    struct sockaddr_in there = at(v[0]);
    int count = atoi(v[1]), fd = reach(&there, 0);
    double *values = calloc(count, sizeof *values);
    char message[64] = "e";
    at_once(fd);
    for (int i = -100; i < count; i++) {
        double begin = now();
        if (write(fd, message, 64) != 64 || recv(fd, message, 64, MSG_WAITALL) != 64) fail("trip");
        if (i >= 0) values[i] = now() - begin;
    }
    print_median(values, count);
}

// `stream PORT MEGABYTES`: megabytes a second into the server, which answers a byte at the end.
static void stream(char **v) {
    struct sockaddr_in there = at(v[0]);
    static char block[65536];
    long left = atol(v[1]) * 1000000, all = left;
    int fd = reach(&there, 0);
    block[0] = 's';
    double begin = now();
    while (left > 0) {
        ssize_t went = write(fd, block, left < (long)sizeof block ? left : (long)sizeof block);
        if (went <= 0) fail("write");
        left -= went;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, block, 1) != 1) fail("read");
    printf("%.1f\n", all / (now() - begin));
}

static int listening(void) {
    struct sockaddr_in here = at("0");
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (void *)&here, length) || listen(fd, 512) || getsockname(fd, (void *)&here, &length)) fail("listen");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

static void *end_with_input(void *unused) {
    char byte;
    while (read(0, &byte, 1) > 0) {}
    exit(0);
}

// Echoes, or swallows a stream that begins with "s".
static void *answer(void *argument) {
    int fd = (int)(long)argument;
    static __thread char block[262144];
    ssize_t got = read(fd, block, sizeof block);
    int swallows = got > 0 && block[0] == 's';
    at_once(fd);
    while (got > 0) {
        if (!swallows && write(fd, block, got) != got) break;
        got = read(fd, block, sizeof block);
    }
    if (swallows && write(fd, "x", 1) != 1) perror("write");
    close(fd);
    return 0;
}

static int target;

// `pump PORT`: copies to that server and back. One thread serves all, as in a worker.
static void pump(int listener) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(target), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int set = epoll_create1(0);
    static int peers[65536], ended[65536];
    static char block[131072];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(set, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int near = accept(listener, 0, 0), far = reach(&there, 0);
                at_once(near);
                at_once(far);
                peers[near] = far;
                peers[far] = near;
                event.data.fd = near;
                epoll_ctl(set, EPOLL_CTL_ADD, near, &event);
                event.data.fd = far;
                epoll_ctl(set, EPOLL_CTL_ADD, far, &event);
                continue;
            }
            ssize_t got = read(fd, block, sizeof block);
            if (got <= 0) {
                int peer = peers[fd];
                epoll_ctl(set, EPOLL_CTL_DEL, fd, 0);
                shutdown(peer, SHUT_WR);
                // The second end closes both.
                if (ended[peer]) {
                    ended[peer] = 0;
                    close(fd);
                    close(peer);
                } else {
                    ended[fd] = 1;
                }
                continue;
            }
            for (ssize_t went = 0, part; went < got; went += part) {
                part = write(peers[fd], block + went, got - went);
                if (part <= 0) break;
            }
        }
    }
}

int main(int count, char **v) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 4 && !strcmp(v[1], "connect")) return connects(v + 2, 0), 0;
    if (count == 4 && !strcmp(v[1], "connect-nonblocking")) return connects(v + 2, SOCK_NONBLOCK), 0;
    if (count == 5 && !strcmp(v[1], "connect-socks5")) return connects_by_proxy(v + 2), 0;
    if (count == 4 && !strcmp(v[1], "trips")) return trips(v + 2), 0;
    if (count == 4 && !strcmp(v[1], "stream")) return stream(v + 2), 0;
    pthread_t thread;
    pthread_create(&thread, 0, end_with_input, 0);
    if (count == 3 && !strcmp(v[1], "pump")) {
        target = atoi(v[2]);
        pump(listening());
    }
    if (count == 2 && !strcmp(v[1], "serve")) {
        int listener = listening();
        for (;;) {
            int fd = accept(listener, 0, 0);
            if (fd < 0 || pthread_create(&thread, 0, answer, (void *)(long)fd)) fail("serve");
            pthread_detach(thread);
        }
    }
    fprintf(stderr, "traffic: no such mode\n");
    return 2;
}
