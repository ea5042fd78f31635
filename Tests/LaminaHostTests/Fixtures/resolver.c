// A resolver of its own: `resolver WAY SERVER NAME TYPE` asks a name server and prints who answered and what.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_storage server;
static socklen_t server_length;
static unsigned char answer[65536];

static int family_of(const char *host) { return strchr(host, ':') ? AF_INET6 : AF_INET; }

static void find(const char *host) {
    if (family_of(host) == AF_INET6) {
        struct sockaddr_in6 *six = (void *)&server;
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(53)};
        inet_pton(AF_INET6, host, &six->sin6_addr);
        server_length = sizeof *six;
    } else {
        struct sockaddr_in *four = (void *)&server;
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(53)};
        inet_pton(AF_INET, host, &four->sin_addr);
        server_length = sizeof *four;
    }
}

static void print_from(const struct sockaddr_storage *from) {
    char host[64] = "";
    const struct sockaddr_in6 *six = (const void *)from;
    const struct sockaddr_in *four = (const void *)from;
    if (from->ss_family == AF_INET6) inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
    else inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
    printf("from %s %d\n", host, ntohs(four->sin_port));
}

static size_t question(unsigned char *bytes, const char *name, int type) {
    static const unsigned char head[12] = {0x12, 0x34, 1, 0, 0, 1};
    memcpy(bytes, head, sizeof head);
    size_t at = sizeof head;
    while (*name) {
        size_t count = strcspn(name, ".");
        bytes[at++] = (unsigned char)count;
        memcpy(bytes + at, name, count);
        at += count;
        name += count + (name[count] == '.');
    }
    bytes[at++] = 0;
    bytes[at++] = (unsigned char)(type >> 8);
    bytes[at++] = (unsigned char)type;
    bytes[at++] = 0;
    bytes[at++] = 1;
    return at;
}

// Skips a name; the labels that stand there are printed where that is wanted.
static size_t skip_name(size_t at, int print) {
    int first = 1;
    while (answer[at]) {
        if (answer[at] >= 0xc0) return at + 2;
        if (print) printf("%s%.*s", first ? "name " : ".", answer[at], answer + at + 1);
        first = 0;
        at += answer[at] + 1u;
    }
    return at + 1;
}

static void print_answer(void) {
    printf("code %d cut %d\n", answer[3] & 15, (answer[2] & 2) != 0);
    int count = answer[6] << 8 | answer[7];
    size_t at = skip_name(12, 0) + 4;
    while (count-- > 0) {
        at = skip_name(at, 0);
        int type = answer[at] << 8 | answer[at + 1], length = answer[at + 8] << 8 | answer[at + 9];
        at += 10;
        char text[64];
        if (type == 12) {
            skip_name(at, 1);
            printf("\n");
        } else {
            puts(inet_ntop(type == 1 ? AF_INET : AF_INET6, answer + at, text, sizeof text));
        }
        at += (size_t)length;
    }
}

static int fail(const char *what) {
    printf("%s %d\n", what, errno);
    return 1;
}

static int ask(const char *way, const unsigned char *bytes, size_t count) {
    int is_stream = !strcmp(way, "stream");
    int fd = socket(server.ss_family, is_stream ? SOCK_STREAM : SOCK_DGRAM, 0);
    struct timeval patience = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;
    struct iovec sent = {(void *)bytes, count}, parts[2] = {{answer, 20}, {answer + 20, sizeof answer - 20}};
    struct mmsghdr messages[1] = {
        {.msg_hdr = {.msg_name = &server, .msg_namelen = server_length, .msg_iov = &sent, .msg_iovlen = 1}}};
    struct msghdr received = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 2};
    if (is_stream || !strcmp(way, "connected")) {
        if (connect(fd, (void *)&server, server_length)) return fail("connect");
        if (getpeername(fd, (void *)&from, &length)) return fail("peer");
        print_from(&from);
        if (is_stream) {
            unsigned char size[2] = {(unsigned char)(count >> 8), (unsigned char)count};
            if (write(fd, size, 2) != 2 || write(fd, bytes, count) != (ssize_t)count) return fail("write");
            if (recv(fd, size, 2, MSG_WAITALL) != 2) return fail("read");
            if (recv(fd, answer, size[0] << 8 | size[1], MSG_WAITALL) < 12) return fail("read");
        } else {
            if (send(fd, bytes, count, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 12) return fail("send");
        }
        close(fd);
        return 0;
    }
    if (!strcmp(way, "named")) {
        if (sendto(fd, bytes, count, 0, (void *)&server, server_length) < 0) return fail("send");
        if (recvfrom(fd, answer, sizeof answer, 0, (void *)&from, &length) < 12) return fail("receive");
    } else {
        int is_one = !strcmp(way, "message");
        if (is_one ? sendmsg(fd, &messages[0].msg_hdr, 0) < 0 : sendmmsg(fd, messages, 1, 0) != 1) return fail("send");
        if (!is_one && messages[0].msg_len != count) return fail("length");
        if (recvmsg(fd, &received, 0) < 12) return fail("receive");
    }
    print_from(&from);
    close(fd);
    return 0;
}

// Bytes that are nearly a question, then a question.
static int rubbish(const char *name, unsigned seed) {
    unsigned char bytes[512];
    int fd = socket(server.ss_family, SOCK_DGRAM, 0);
    if (connect(fd, (void *)&server, server_length)) return fail("connect");
    for (int i = 0; i < 2000; i++) {
        size_t count = question(bytes, name, 1);
        for (int changes = 1 + rand_r(&seed) % 4; changes > 0; changes--) {
            // The name's letters stay, or another name would be looked up somewhere.
            size_t at = (size_t)rand_r(&seed) % count;
            if (at < 12 || at + 5 >= count || bytes[at] < 'a') bytes[at] = (unsigned char)rand_r(&seed);
        }
        count = (size_t)rand_r(&seed) % (count + 1);
        if (send(fd, bytes, count, 0) < 0) return fail("send");
        // What is a question after all has its answer.
        while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) >= 0) {}
    }
    size_t count = question(bytes, name, 1);
    bytes[0] = 0x77;
    // A datagram may be lost behind so many others: resolvers ask again.
    struct timeval patience = {0, 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int tries = 0; tries < 100; tries++) {
        if (send(fd, bytes, count, 0) < 0) return fail("send");
        while (recv(fd, answer, sizeof answer, 0) >= 12) {
            if (answer[0] != 0x77 || answer[1] != 0x34 || (answer[3] & 15)) continue;
            print_answer();
            return 0;
        }
    }
    return fail("receive");
}

// Asks for a name, connects to what it is told, and has it echo.
static int reach(const char *name, const char *port) {
    unsigned char bytes[512];
    if (ask("connected", bytes, question(bytes, name, 1))) return 1;
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    memcpy(&there.sin_addr, answer + skip_name(12, 0) + 4 + 12, 4);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&there, sizeof there)) return fail("connect");
    char text[16] = "";
    if (write(fd, "echo\nhello", 10) != 10 || recv(fd, text, 5, MSG_WAITALL) != 5) return fail("echo");
    printf("read %s\n", text);
    return 0;
}

int main(int count, char **v) {
    if (count < 5) return 2;
    setvbuf(stdout, 0, _IOLBF, 0);
    find(v[2]);
    if (!strcmp(v[1], "rubbish")) return rubbish(v[3], (unsigned)atoi(v[4]));
    if (!strcmp(v[1], "reach")) return reach(v[3], v[4]);
    unsigned char bytes[512];
    if (ask(v[1], bytes, question(bytes, v[3], atoi(v[4])))) return 1;
    print_answer();
    return 0;
}
