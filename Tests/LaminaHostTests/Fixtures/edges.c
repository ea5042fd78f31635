// What connections do at their edges, for tests: `edges MODE ARGUMENTS`. Results go to standard output, a line each.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

extern char **environ;

static struct sockaddr_in at(const char *host, const char *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

static int made(const struct sockaddr_in *a, int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    int failed = connect(fd, (const void *)a, sizeof *a) ? errno : 0;
    if (failed && failed != EINPROGRESS) printf("connect %d\n", failed);
    return fd;
}

static int say(int fd, const char *text) { return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? errno : 0; }

// The rest of the stream, as a string.
static const char *rest(int fd) {
    static char text[4096];
    size_t count = 0;
    ssize_t got;
    while (count < sizeof text - 1 && (got = read(fd, text + count, sizeof text - 1 - count)) > 0) count += got;
    text[count] = 0;
    return text;
}

static int port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_in a = {0};
    socklen_t length = sizeof a;
    return name(fd, (void *)&a, &length) ? -errno : ntohs(a.sin_port);
}

// `by-name HOST PORT`: whether the program's own socket is connected to the port.
static int mode_by_name(char **v) {
    struct addrinfo *list, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    int status = getaddrinfo(v[0], v[1], &hints, &list);
    if (status) return printf("status %d\n", status), 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int failed = connect(fd, list->ai_addr, list->ai_addrlen) ? errno : 0;
    printf("connect %d\nown %d\n", failed, kernels_peer(fd) == atoi(v[1]));
    return 0;
}

// `serve HOST`: a server, its own client, and datagrams, all at an address.
static int mode_serve(char **v) {
    struct sockaddr_in here = at(v[0], "0"), there;
    socklen_t length = sizeof there;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    printf("bind %d\n", bind(listener, (void *)&here, sizeof here) ? errno : 0);
    printf("listen %d\n", listen(listener, 4) ? errno : 0);
    getsockname(listener, (void *)&there, &length);
    if (!there.sin_addr.s_addr) inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    int failed = connect(client, (void *)&there, length) ? errno : 0;
    printf("connect %d\n", failed);
    if (failed) return 0;
    int server = accept(listener, 0, 0);
    char byte = 0;
    say(client, "x");
    ssize_t got = read(server, &byte, 1);
    printf("read %zd %c\n", got, byte);
    printf("same %d\n", port_of(server, getpeername) == port_of(client, getsockname));
    int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
    printf("bind %d\n", bind(one, (void *)&here, sizeof here) ? errno : 0);
    length = sizeof there;
    getsockname(one, (void *)&there, &length);
    if (!there.sin_addr.s_addr) inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    printf("send %d\n", sendto(two, "y", 1, 0, (void *)&there, length) < 0 ? errno : 0);
    got = recv(one, &byte, 1, 0);
    printf("receive %zd %c\n", got, byte);
    return 0;
}

// `bound PORT`: the server says which port it sees.
static int mode_bound(char **v) {
    struct sockaddr_in here = at("0.0.0.0", "0"), there = at("127.0.0.1", v[0]);
    int fd = socket(AF_INET, SOCK_STREAM, 0), reuse = 0;
    bind(fd, (void *)&here, sizeof here);
    int before = port_of(fd, getsockname);
    printf("connect %d\n", connect(fd, (void *)&there, sizeof there) ? errno : 0);
    say(fd, "peer\n");
    socklen_t length = sizeof reuse;
    getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &length);
    printf("name %d server %d reuse %d\n", port_of(fd, getsockname) == before, atoi(rest(fd)) == before, reuse);
    return 0;
}

// `disconnect PORT PORT`: a socket is disconnected and connected elsewhere.
static int mode_disconnect(char **v) {
    struct sockaddr_in first = at("127.0.0.1", v[0]), second = at("127.0.0.1", v[1]);
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    int fd = made(&first, 0);
    printf("again %d\n", connect(fd, (void *)&second, sizeof second) ? errno : 0);
    printf("disconnect %d\n", connect(fd, &nowhere, sizeof nowhere) ? errno : 0);
    printf("peer %d\n", port_of(fd, getpeername));
    printf("connect %d\n", connect(fd, (void *)&second, sizeof second) ? errno : 0);
    printf("peer %d\n", port_of(fd, getpeername) == atoi(v[1]));
    say(fd, "echo\nhello");
    shutdown(fd, SHUT_WR);
    printf("read %s\n", rest(fd));
    return 0;
}

// `fast PORT`: fast open by every call that sends.
static int mode_fast(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    struct iovec vector[2] = {{"echo\nhel", 8}, {"lo", 2}};
    struct mmsghdr messages[2] = {
        {.msg_hdr = {.msg_name = &there, .msg_namelen = sizeof there, .msg_iov = vector, .msg_iovlen = 1}},
        {.msg_hdr = {.msg_iov = vector + 1, .msg_iovlen = 1}}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    printf("messages %d\n", sendmmsg(fd, messages, 1, MSG_FASTOPEN));
    printf("length %u\n", messages[0].msg_len);
    printf("more %d\n", sendmmsg(fd, messages + 1, 1, 0));
    shutdown(fd, SHUT_WR);
    printf("read %s\n", rest(fd));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    printf("unnamed %d\n", send(fd, "x", 1, MSG_FASTOPEN) < 0 ? errno : 0);
    printf("unconnected %d\n", sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&there, sizeof there) < 0 ? errno : 0);
    fd = made(&there, 0);
    // A stream has its one destination.
    printf("named %d\n", sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&there, sizeof there) < 0 ? errno : 0);
    int on = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
    printf("deferred %d\n", connect(fd, (void *)&there, sizeof there) ? errno : 0);
    say(fd, "echo\nworld");
    shutdown(fd, SHUT_WR);
    printf("read %s\n", rest(fd));
    return 0;
}

// `late PORT`: what the first call says after a connect failed that was answered with EINPROGRESS. The caller makes it
// fail when it has read the first line.
static int mode_late(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    int sockets[5];
    for (int i = 0; i < 5; i++) sockets[i] = made(&there, SOCK_NONBLOCK);
    printf("made\n");
    fflush(stdout);
    char byte;
    for (int i = 0; i < 5; i++) {
        struct pollfd waiting = {sockets[i], POLLIN, 0};
        poll(&waiting, 1, -1);
        struct iovec vector = {&byte, 1};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        ssize_t result = 0;
        if (i == 0) result = read(sockets[i], &byte, 1);
        if (i == 1) result = recv(sockets[i], &byte, 1, 0);
        if (i == 2) result = recvmsg(sockets[i], &message, 0);
        if (i == 3) result = send(sockets[i], "x", 1, MSG_NOSIGNAL);
        if (i == 4) result = connect(sockets[i], (void *)&there, sizeof there);
        printf("%zd %d\n", result, result < 0 ? errno : 0);
    }
    return 0;
}

static struct sockaddr_in target;
static int reached;

static void *reach(void *unused) {
    (void)unused;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char text[6] = {0};
    if (!connect(fd, (void *)&target, sizeof target) && !say(fd, "echo\nhello") && recv(fd, text, 5, MSG_WAITALL) == 5) {
        if (!strcmp(text, "hello") && port_of(fd, getpeername) == ntohs(target.sin_port)) {
            __atomic_fetch_add(&reached, 1, __ATOMIC_RELAXED);
        }
    }
    close(fd);
    return 0;
}

// `threads PORT COUNT`: so many threads at once.
static int mode_threads(char **v) {
    target = at("127.0.0.1", v[0]);
    int count = atoi(v[1]), started = 0;
    pthread_t *threads = calloc(count, sizeof *threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    while (started < count && !pthread_create(&threads[started], &attributes, reach, 0)) started++;
    for (int i = 0; i < started; i++) pthread_join(threads[i], 0);
    free(threads);
    printf("reached %d of %d\n", reached, started);
    return 0;
}

// `children PORT`: by every call that starts a program; each says how it went.
static int mode_children(char **v) {
    char line[256], self[4096] = {0};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
    snprintf(line, sizeof line, "%s child %s", self, v[0]);
    fflush(stdout);
    system(line);
    FILE *pipe = popen(line, "r");
    char answer[64] = {0};
    if (pipe && fgets(answer, sizeof answer, pipe)) printf("%s", answer);
    if (pipe) pclose(pipe);
    fflush(stdout);
    pid_t child;
    char *arguments[] = {self, "child", v[0], 0};
    if (!posix_spawn(&child, self, 0, 0, arguments, environ)) waitpid(child, 0, 0);
    if (!(child = vfork())) {
        execv(self, arguments);
        _exit(1);
    }
    waitpid(child, 0, 0);
    return 0;
}

static int mode_child(char **v) {
    target = at("127.0.0.1", v[0]);
    reach(0);
    printf("child %d\n", reached);
    return 0;
}

static int passed(int fd) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    char byte = 'x', room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    sendmsg(pair[0], &message, 0);
    recvmsg(pair[1], &message, 0);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    close(pair[0]);
    close(pair[1]);
    return fd;
}

// `copies PORT`: the names of a socket through every way to copy its descriptor, and after all others are closed.
static int mode_copies(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    int fd = made(&there, 0), local = port_of(fd, getsockname);
    int copies[] = {dup(fd), dup2(fd, 100), dup3(fd, 101, O_CLOEXEC), fcntl(fd, F_DUPFD, 102),
        fcntl(fd, F_DUPFD_CLOEXEC, 103), passed(fd)};
    for (unsigned i = 0; i < sizeof copies / sizeof *copies; i++) {
        int same = port_of(copies[i], getpeername) == atoi(v[0]) && port_of(copies[i], getsockname) == local;
        printf("copy %d\n", same);
    }
    // Nothing of Lamina's is among the descriptors of the program.
    printf("descriptors %d\n", open("/dev/null", O_RDONLY) == fd + 2);
    syscall(SYS_close_range, 3, 101, 0);
    fd = made(&there, 0);
    say(copies[3], "echo\nhello");
    shutdown(copies[3], SHUT_WR);
    printf("read %s\n", rest(copies[3]));
    printf("new %d\n", port_of(fd, getpeername) == atoi(v[0]));
    return 0;
}

// `daemon PORT`: the command ends, and a child that it left goes on when its input ends.
static int mode_daemon(char **v) {
    target = at("127.0.0.1", v[0]);
    if (fork()) return printf("left\n"), 0;
    setsid();
    char byte;
    while (read(0, &byte, 1) > 0) {}
    reach(0);
    printf("daemon %d\n", reached);
    return 0;
}

// `many PORT COUNT`: so many connections at once; each echoes when all stand.
static int mode_many(char **v) {
    target = at("127.0.0.1", v[0]);
    int count = atoi(v[1]), good = 0;
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    int *sockets = calloc(count, sizeof *sockets);
    for (int i = 0; i < count; i++) sockets[i] = made(&target, 0);
    printf("made\n");
    fflush(stdout);
    char byte;
    // Until the caller has looked.
    if (read(0, &byte, 1) < 0) return 1;
    for (int i = 0; i < count; i++) say(sockets[i], "echo\nhello");
    for (int i = 0; i < count; i++) {
        char text[6] = {0};
        good += recv(sockets[i], text, 5, MSG_WAITALL) == 5 && !strcmp(text, "hello");
    }
    printf("good %d\n", good);
    return 0;
}

// `stalled PORT COUNT`: fills so many connections whose peer reads nothing, and says how much went in.
static int mode_stalled(char **v) {
    target = at("127.0.0.1", v[0]);
    int count = atoi(v[1]);
    static char block[65536];
    long taken = 0;
    int *sockets = calloc(count, sizeof *sockets);
    for (int i = 0; i < count; i++) {
        sockets[i] = made(&target, 0);
        say(sockets[i], "hold\n");
        fcntl(sockets[i], F_SETFL, O_NONBLOCK);
    }
    for (int idle = 0; idle < 3; idle++) {
        for (int i = 0; i < count; i++) {
            ssize_t went;
            while ((went = write(sockets[i], block, sizeof block)) > 0) taken += went, idle = 0;
        }
        poll(0, 0, 50);
    }
    printf("full\n");
    fflush(stdout);
    char byte;
    if (read(0, &byte, 1) < 0) return 1;
    printf("taken %ld\n", taken);
    return 0;
}

// `urgent PORT`: sends a byte out of the stream, and gets one.
static int mode_urgent(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    int fd = made(&there, 0);
    say(fd, "mark\nab");
    send(fd, "!", 1, MSG_OOB);
    say(fd, "cd");
    shutdown(fd, SHUT_WR);
    printf("server %s\n", rest(fd));
    fd = made(&there, 0);
    say(fd, "urgent\n");
    struct pollfd waiting = {fd, POLLPRI, 0};
    printf("poll %d\n", poll(&waiting, 1, 5000));
    char byte = 0;
    ssize_t got = recv(fd, &byte, 1, MSG_OOB);
    printf("urgent %zd %c\n", got, byte);
    printf("rest %s\n", rest(fd));
    return 0;
}

// `linger PORT SECONDS COUNT`: sends so many bytes, and closes with this time to deliver them; 0 resets.
static int mode_linger(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    struct linger linger = {1, atoi(v[1])};
    int fd = made(&there, 0);
    say(fd, "ending\n");
    // The server has read the line.
    char byte;
    if (read(fd, &byte, 1) != 1) return 3;
    static char zeros[1 << 16];
    for (long left = atol(v[2]); left > 0;) {
        ssize_t n = write(fd, zeros, left < (long)sizeof zeros ? (size_t)left : sizeof zeros);
        if (n <= 0) return 2;
        left -= n;
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    printf("close %d\n", close(fd));
    return 0;
}

static void *waits(void *fd) {
    accept((int)(long)fd, 0, 0);
    return 0;
}

// `cancel`: a thread that waits in accept can be cancelled.
static int mode_cancel(char **v) {
    (void)v;
    struct sockaddr_in here = at("127.0.0.1", "0");
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&here, sizeof here);
    listen(listener, 1);
    pthread_t thread;
    pthread_create(&thread, 0, waits, (void *)(long)listener);
    poll(0, 0, 50);
    pthread_cancel(thread);
    void *result = 0;
    pthread_join(thread, &result);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
    return 0;
}

// `refused PORT`: writes until the server, which has answered already, resets; then what it answered.
static int mode_refused(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    int fd = made(&there, 0);
    static char zeros[1 << 16];
    say(fd, "refuse\n");
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    printf("read %s\n", rest(fd));
    return 0;
}

// `abrupt PORT COUNT`: so many connections that send 1,000 bytes, once a byte has come, and end with a reset.
static int mode_abrupt(char **v) {
    struct sockaddr_in there = at("127.0.0.1", v[0]);
    for (int left = atoi(v[1]); left > 0; left--) {
        int fd = made(&there, 0);
        char text[1000] = "";
        say(fd, "sink met\n");
        if (read(fd, text, 1) != 1 || write(fd, text, sizeof text) != sizeof text) return 1;
        struct linger none = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
    }
    return 0;
}

int main(int count, char **v) {
    static const struct {
        const char *name;
        int (*run)(char **);
    } modes[] = {
        {"by-name", mode_by_name}, {"serve", mode_serve}, {"bound", mode_bound}, {"disconnect", mode_disconnect},
        {"fast", mode_fast}, {"late", mode_late}, {"threads", mode_threads}, {"children", mode_children},
        {"child", mode_child}, {"copies", mode_copies}, {"daemon", mode_daemon}, {"many", mode_many},
        {"stalled", mode_stalled}, {"urgent", mode_urgent}, {"linger", mode_linger}, {"cancel", mode_cancel},
        {"refused", mode_refused}, {"abrupt", mode_abrupt},
    };
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (!strcmp(v[1], modes[i].name)) return modes[i].run(v + 2);
    }
    fprintf(stderr, "edges: no such mode\n");
    return 2;
}
