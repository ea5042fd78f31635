// waits HOST PORT HOW: asks an HTTP server over a socket that has been handled as HOW says, and prints what it answers.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char question[] = "GET / HTTP/1.0\r\n\r\n";

static int fail(const char *what) {
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

// Prints what comes until the end of the stream.
static int show(int fd) {
    char bytes[4096];
    ssize_t count;
    while ((count = read(fd, bytes, sizeof bytes)) > 0) {
        if (write(1, bytes, count) < 0) return 1;
    }
    return count < 0 ? fail("read") : 0;
}

// Both descriptors are told to be readable by each of the three calls, together with a pipe, which no layer has.
static int wait_for(int fd) {
    int pipes[2], other = dup(fd);
    if (other < 0 || pipe(pipes) < 0 || write(pipes[1], "x", 1) != 1) return fail("pipe");
    if (write(fd, question, sizeof question - 1) < 0) return fail("write");
    const int all[] = {fd, other, pipes[0]};
    struct pollfd polled[3];
    for (int i = 0; i < 3; i++) polled[i] = (struct pollfd){.fd = all[i], .events = POLLIN};
    while (poll(polled, 1, -1) != 1) {}
    fd_set set;
    FD_ZERO(&set);
    for (int i = 0; i < 3; i++) FD_SET(all[i], &set);
    printf("select %d\n", select(pipes[1] + 1, &set, 0, 0, 0));
    printf("poll %d\n", poll(polled, 3, -1));
    struct epoll_event events[3];
    const int queue = epoll_create1(0);
    for (int i = 0; i < 3; i++) {
        events[i] = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.fd = all[i]};
        if (epoll_ctl(queue, EPOLL_CTL_ADD, all[i], &events[i]) < 0) return fail("epoll_ctl");
    }
    printf("epoll %d\n", epoll_wait(queue, events, 3, -1));
    fflush(stdout);
    close(fd);
    return show(other);
}

// A child asks, and a program that it becomes reads.
static int inherit(int fd) {
    const pid_t child = fork();
    if (child == 0) {
        if (write(fd, question, sizeof question - 1) < 0) _exit(1);
        dup2(fd, 0);
        execlp("cat", "cat", (char *)0);
        _exit(127);
    }
    int status;
    close(fd);
    return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : fail("waitpid");
}

// A process that was started before the socket was there gets it by SCM_RIGHTS.
static int pass(int fd, int pair[2], pid_t child) {
    char room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    int status;
    if (sendmsg(pair[0], &message, 0) != 1) return fail("sendmsg");
    close(fd);
    return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : fail("waitpid");
}

static int take(int from) {
    char room[CMSG_SPACE(sizeof(int))], byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int fd;
    if (recvmsg(from, &message, 0) != 1) return fail("recvmsg");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    if (write(fd, question, sizeof question - 1) < 0) return fail("write");
    return show(fd);
}

int main(int count, char **words) {
    if (count != 4) return 64;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    inet_pton(AF_INET, words[1], &to.sin_addr);
    int pair[2];
    pid_t child = 0;
    if (!strcmp(words[3], "pass")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return fail("socketpair");
        child = fork();
        if (child == 0) return take(pair[1]);
    }
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!strcmp(words[3], "raw")) {
        if (syscall(SYS_connect, fd, &to, sizeof to) < 0) return fail("connect");
    } else if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        return fail("connect");
    }
    if (!strcmp(words[3], "wait")) return wait_for(fd);
    if (!strcmp(words[3], "inherit")) return inherit(fd);
    if (!strcmp(words[3], "pass")) return pass(fd, pair, child);
    if (write(fd, question, sizeof question - 1) < 0) return fail("write");
    return show(fd);
}
