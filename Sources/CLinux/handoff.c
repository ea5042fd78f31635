#define _GNU_SOURCE
#include "clinux_handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_random(void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t part = getrandom((char *)bytes + done, count - done, 0);
        if (part < 0 && errno != EINTR) return -errno;
        if (part > 0) done += (size_t)part;
    }
    return 0;
}

int clinux_is_equal(const void *left, const void *right, size_t count) {
    const volatile unsigned char *one = left, *two = right;
    unsigned char difference = 0;
    for (size_t index = 0; index < count; index++) difference |= one[index] ^ two[index];
    return difference == 0;
}

static socklen_t abstract(const char *name, struct sockaddr_un *address) {
    const size_t length = strnlen(name, sizeof address->sun_path - 1);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static int packet_socket(
    const char *name, int (*use)(int, const struct sockaddr *, socklen_t), int room) {
    struct sockaddr_un address;
    const socklen_t length = abstract(name, &address);
    const int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -errno;
    if (room) (void)setsockopt(made, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (use(made, (const struct sockaddr *)&address, length) == 0) return made;
    const int error = errno;
    close(made);
    return -error;
}

int clinux_packet_listen(const char *name, int backlog) {
    const int made = packet_socket(name, bind, 0);
    if (made < 0 || listen(made, backlog) == 0) return made;
    const int error = errno;
    close(made);
    return -error;
}

int clinux_packet_connect(const char *name) {
    return packet_socket(name, connect, 1 << 19);
}

int clinux_packet_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(clinux_most_descriptors * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count < 0 || descriptor_count > clinux_most_descriptors) return -EINVAL;
    if (descriptor_count > 0) {
        const size_t length = (size_t)descriptor_count * sizeof(int);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(length);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(&control.header), descriptors, length);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

ssize_t clinux_packet_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *descriptor_count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(clinux_most_descriptors * sizeof(int)) + 64];
    } control;
    struct iovec part = {bytes, capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *descriptor_count = 0;
    ssize_t received;
    do {
        received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    int count = 0;
    int is_whole = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
        const size_t length = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < length; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(item) + index * sizeof(int), sizeof(int));
            if (count < clinux_most_descriptors) {
                descriptors[count++] = descriptor;
            } else {
                close(descriptor);
                is_whole = 0;
            }
        }
    }
    if (!is_whole) {
        while (count > 0) close(descriptors[--count]);
        return -EMSGSIZE;
    }
    *descriptor_count = count;
    return received;
}

int clinux_descriptor_key(int descriptor, uint64_t key[2]) {
    socklen_t length = sizeof key[0];
    key[1] = 0;
    if (getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &key[0], &length) == 0) return 0;
    if (errno != ENOTSOCK && errno != ENOPROTOOPT) return -errno;
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -errno;
    key[0] = status.st_ino;
    key[1] = (uint64_t)status.st_dev | 1ull << 63;
    return 0;
}

int clinux_duplicate_descriptor(int descriptor) {
    const int made = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    return made < 0 ? -errno : made;
}

int clinux_set_inheritable(int descriptor, int inheritable) {
    return fcntl(descriptor, F_SETFD, inheritable ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}

int clinux_set_non_blocking(int descriptor) {
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    return flags & O_NONBLOCK || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

int clinux_pair(int type, int ends[2]) {
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

int clinux_socket_kind(int descriptor, int kind[4]) {
    static const int names[] = {SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ACCEPTCONN};
    for (int index = 0; index < 4; index++) {
        socklen_t length = sizeof(int);
        if (getsockopt(descriptor, SOL_SOCKET, names[index], &kind[index], &length) < 0) return -errno;
    }
    return 0;
}
