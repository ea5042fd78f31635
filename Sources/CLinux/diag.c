#define _GNU_SOURCE
#include "clinux_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

typedef struct diag_question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
} diag_question;

static int describe(const struct sockaddr *local, const struct sockaddr *remote, struct inet_diag_req_v2 *body) {
    body->sdiag_family = (uint8_t)local->sa_family;
    body->sdiag_protocol = IPPROTO_TCP;
    body->idiag_states = ~0u;
    body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (local->sa_family == AF_INET && remote->sa_family == AF_INET) {
        const struct sockaddr_in *from = (const void *)local, *to = (const void *)remote;
        body->id.idiag_sport = from->sin_port;
        body->id.idiag_dport = to->sin_port;
        body->id.idiag_src[0] = from->sin_addr.s_addr;
        body->id.idiag_dst[0] = to->sin_addr.s_addr;
        return 0;
    }
    if (local->sa_family == AF_INET6 && remote->sa_family == AF_INET6) {
        const struct sockaddr_in6 *from = (const void *)local, *to = (const void *)remote;
        body->id.idiag_sport = from->sin6_port;
        body->id.idiag_dport = to->sin6_port;
        memcpy(body->id.idiag_src, &from->sin6_addr, 16);
        memcpy(body->id.idiag_dst, &to->sin6_addr, 16);
        return 0;
    }
    return -EAFNOSUPPORT;
}

static int ask(int netlink, const diag_question *question, clinux_socket_identity *identity) {
    if (send(netlink, question, sizeof *question, 0) < 0) return -errno;
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } reply;
    ssize_t count;
    do {
        count = recv(netlink, &reply, sizeof reply, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    if (!NLMSG_OK(&reply.header, (size_t)count)) return -EBADMSG;
    if (reply.header.nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(&reply.header);
        return error->error ? error->error : -EBADMSG;
    }
    if (reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return -EBADMSG;
    const struct inet_diag_msg *found = NLMSG_DATA(&reply.header);
    identity->cookie = (uint64_t)found->id.idiag_cookie[1] << 32 | found->id.idiag_cookie[0];
    identity->user = found->idiag_uid;
    identity->owned = found->idiag_inode != 0;
    return 0;
}

int clinux_find_tcp(
    const struct sockaddr *local, const struct sockaddr *remote, clinux_socket_identity *identity) {
    diag_question question = {
        .header = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST}};
    int result = describe(local, remote, &question.body);
    if (result < 0) return result;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0) return -errno;
    result = ask(netlink, &question, identity);
    close(netlink);
    return result;
}

// Appends the cookies of one family's sockets, from `found` on.
static int list_cookies(int netlink, int family, uint64_t *cookies, int capacity, int found) {
    diag_question question = {.header = {.nlmsg_len = sizeof question,
                                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u}};
    union {
        struct nlmsghdr header;
        char bytes[32768];
    } reply;
    if (send(netlink, &question, sizeof question, 0) < 0) return -errno;
    for (;;) {
        ssize_t count;
        do {
            count = recv(netlink, &reply, sizeof reply, 0);
        } while (count < 0 && errno == EINTR);
        if (count < 0) return -errno;
        unsigned left = (unsigned)count;
        for (const struct nlmsghdr *header = &reply.header; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE) return found;
            if (header->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = NLMSG_DATA(header);
                return error->error < 0 ? error->error : -EBADMSG;
            }
            const struct inet_diag_msg *socket = NLMSG_DATA(header);
            // Closed by its last owner, it is the kernel's alone.
            if (!socket->idiag_inode) continue;
            if (found < capacity) {
                cookies[found] = (uint64_t)socket->id.idiag_cookie[1] << 32 | socket->id.idiag_cookie[0];
            }
            found++;
        }
    }
}

int clinux_tcp_cookies(uint64_t *cookies, int capacity) {
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0) return -errno;
    int found = list_cookies(netlink, AF_INET, cookies, capacity, 0);
    if (found >= 0) found = list_cookies(netlink, AF_INET6, cookies, capacity, found);
    close(netlink);
    return found;
}

int clinux_peer(int descriptor, pid_t *process, uid_t *user, gid_t *group) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *process = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

int clinux_socket(int family, int type) {
    int descriptor = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

int clinux_accept(int descriptor, struct sockaddr_storage *peer) {
    socklen_t length = sizeof *peer;
    int accepted = accept4(descriptor, (struct sockaddr *)peer, peer ? &length : 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return accepted < 0 ? -errno : accepted;
}

ssize_t clinux_send(int descriptor, const void *bytes, size_t count) {
    ssize_t result = send(descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    return result < 0 ? -errno : result;
}

ssize_t clinux_receive(int descriptor, void *bytes, size_t count) {
    ssize_t result = recv(descriptor, bytes, count, MSG_DONTWAIT);
    return result < 0 ? -errno : result;
}

void clinux_reset_on_close(int descriptor, int reset) {
    struct linger linger = {.l_onoff = reset, .l_linger = 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}
