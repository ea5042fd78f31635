// Calls on sockets that the kernel fails by itself, for tests: `mistakes MODE PORT`. A line for each call that is made.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BAD ((void *)-1)
// Prints the call, what it answers, and what it fails with.
#define TRY(call)                                         \
    do {                                                  \
        errno = 0;                                        \
        long result = (long)(call);                       \
        printf("%s: %ld %d\n", #call, result, errno);     \
    } while (0)

static struct sockaddr_in at(const char *port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

// Bad pointers and lengths: a call fails, the program doesn't.
static int pointers(const char *port) {
    struct sockaddr_in there = at(port);
    struct sockaddr *to = (void *)&there;
    socklen_t whole = sizeof there, length = whole;
    char data[8] = "x";
    struct iovec part = {data, 1}, bad_part = {BAD, 1};
    struct msghdr good = {.msg_name = to, .msg_namelen = whole, .msg_iov = &part, .msg_iovlen = 1};
    struct msghdr to_nowhere = good, of_nothing = good, too_long = good;
    to_nowhere.msg_name = BAD;
    of_nothing.msg_iov = &bad_part;
    too_long.msg_namelen = (socklen_t)-1;
    struct mmsghdr several[2] = {{.msg_hdr = good}, {.msg_hdr = of_nothing}};

    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TRY(connect(stream, BAD, whole));
    TRY(connect(stream, 0, whole));
    TRY(connect(stream, to, 4));
    TRY(connect(stream, to, (socklen_t)-1));
    TRY(getpeername(stream, to, &length));
    TRY(connect(stream, to, whole));
    TRY(getpeername(stream, BAD, &length));
    TRY(getpeername(stream, to, BAD));
    TRY(getpeername(stream, to, 0));
    TRY(getsockname(stream, BAD, &length));
    TRY(getsockname(stream, to, BAD));
    TRY(getsockname(stream, to, 0));
    TRY(sendmsg(stream, BAD, 0));
    TRY(recvmsg(stream, BAD, MSG_DONTWAIT));
    TRY(sendmmsg(stream, BAD, 1, 0));
    there = at(port);

    int packets = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    TRY(bind(packets, BAD, whole));
    TRY(bind(packets, to, 4));
    TRY(sendto(packets, data, 1, 0, BAD, whole));
    TRY(sendto(packets, data, 1, 0, to, 4));
    TRY(sendto(packets, data, 1, 0, to, (socklen_t)-1));
    TRY(sendto(packets, BAD, 1, 0, to, whole));
    TRY(sendmsg(packets, &to_nowhere, 0));
    TRY(sendmsg(packets, &too_long, 0));
    TRY(sendmsg(packets, 0, 0));
    TRY(sendmmsg(packets, several, 2, 0));
    TRY(recvfrom(packets, data, 1, MSG_DONTWAIT, to, BAD));
    TRY(connect(packets, BAD, whole));
    return 0;
}

// Sockets that there are none of, and descriptors that are none.
static int sockets(const char *port) {
    struct sockaddr_in there = at(port);
    TRY(socket(0, SOCK_STREAM, 0));
    TRY(socket(9999, SOCK_STREAM, 0));
    TRY(socket(AF_INET, 75, 0));
    TRY(socket(AF_INET, 12, 0));
    TRY(socket(AF_INET, SOCK_RAW, 0));
    int path = open("/", O_PATH | O_CLOEXEC), file = open("/", O_RDONLY | O_CLOEXEC);
    TRY(accept(path, 0, 0));
    TRY(accept(file, 0, 0));
    TRY(accept(-1, 0, 0));
    TRY(connect(path, (void *)&there, sizeof there));
    TRY(connect(file, (void *)&there, sizeof there));
    TRY(bind(path, (void *)&there, sizeof there));
    return 0;
}

// A connect, and questions for its names, when no descriptor is left.
static int descriptors(const char *port) {
    struct sockaddr_in there = at(port), name;
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)fd + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    TRY(dup(0));
    TRY(connect(fd, (void *)&there, sizeof there));
    TRY(getpeername(fd, (void *)&name, &length));
    printf("peer %d\n", name.sin_addr.s_addr == there.sin_addr.s_addr && name.sin_port == there.sin_port);
    TRY(send(fd, "x\n", 2, 0));
    return 0;
}

// A port that needs a privilege, which the program has given up if it had it.
static int privileges(const char *port) {
    struct sockaddr_in here = at("1");
    (void)port;
    if (!geteuid() && setresuid(65534, 65534, 65534)) return 1;
    TRY(bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (void *)&here, sizeof here));
    TRY(bind(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), (void *)&here, sizeof here));
    return 0;
}

int main(int count, char **v) {
    static const struct {
        const char *name;
        int (*run)(const char *);
    } modes[] = {{"pointers", pointers}, {"sockets", sockets}, {"descriptors", descriptors}, {"privileges", privileges}};
    for (unsigned i = 0; count > 2 && i < sizeof modes / sizeof *modes; i++) {
        if (!strcmp(v[1], modes[i].name)) return modes[i].run(v[2]);
    }
    fprintf(stderr, "mistakes: no such mode\n");
    return 2;
}
