#define _GNU_SOURCE
#include "clinux_netlink.h"

#include "clinux_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

typedef union message_room {
    struct nlmsghdr header;
    char bytes[16384];
} message_room;

static int open_netlink(int flags, unsigned groups) {
    int descriptor = (int)clinux_raw_call(
        SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE, 0, 0, 0);
    if (descriptor < 0) return descriptor;
    struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int status = clinux_raw_bind(descriptor, (const struct sockaddr *)&name, sizeof name);
    if (status == 0) return descriptor;
    clinux_raw_close(descriptor);
    return status;
}

static long receive(int descriptor, message_room *room) {
    long count;
    do {
        count = clinux_raw_receive(descriptor, room, sizeof *room, 0);
    } while (count == -EINTR);
    return count;
}

/// Notes the address of one message. 1: it is one; 0: it isn't of the family.
static int read_address(const struct nlmsghdr *header, int family, clinux_interface_address *address) {
    const struct ifaddrmsg *body = NLMSG_DATA(header);
    if (body->ifa_family != AF_INET && body->ifa_family != AF_INET6) return 0;
    if (family != AF_UNSPEC && body->ifa_family != family) return 0;
    const size_t length = body->ifa_family == AF_INET ? 4 : 16;
    int is_known = 0;
    memset(address, 0, sizeof *address);
    address->family = body->ifa_family;
    address->interface = body->ifa_index;
    int left = (int)IFA_PAYLOAD(header);
    for (const struct rtattr *part = IFA_RTA(body); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
        if (RTA_PAYLOAD(part) < length) continue;
        // Of a point-to-point link IFA_ADDRESS is the other end's.
        if (part->rta_type == IFA_LOCAL || (part->rta_type == IFA_ADDRESS && !is_known)) {
            memcpy(address->bytes, RTA_DATA(part), length);
            is_known = 1;
        }
    }
    return is_known;
}

static int collect(int descriptor, int family, clinux_interface_address *addresses, int capacity) {
    message_room room;
    clinux_interface_address address;
    int found = 0;
    for (;;) {
        const long count = receive(descriptor, &room);
        if (count < 0) return (int)count;
        unsigned left = (unsigned)count;
        for (const struct nlmsghdr *header = &room.header; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE) return found;
            if (header->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = NLMSG_DATA(header);
                return error->error < 0 ? error->error : -EBADMSG;
            }
            if (header->nlmsg_type != RTM_NEWADDR || !read_address(header, family, &address)) continue;
            if (addresses && found < capacity) addresses[found] = address;
            found++;
        }
    }
}

int clinux_addresses(int family, clinux_interface_address *addresses, int capacity) {
    struct {
        struct nlmsghdr header;
        struct ifaddrmsg body;
    } question = {.header = {.nlmsg_len = sizeof question,
                      .nlmsg_type = RTM_GETADDR,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.ifa_family = (unsigned char)family}};
    const int descriptor = open_netlink(0, 0);
    if (descriptor < 0) return descriptor;
    const long sent = clinux_raw_send(descriptor, &question, sizeof question, 0);
    const int found = sent < 0 ? (int)sent : collect(descriptor, family, addresses, capacity);
    clinux_raw_close(descriptor);
    return found;
}

int clinux_watch_addresses(int family) {
    unsigned groups = 0;
    if (family != AF_INET6) groups |= RTMGRP_IPV4_IFADDR;
    if (family != AF_INET) groups |= RTMGRP_IPV6_IFADDR;
    return open_netlink(SOCK_NONBLOCK, groups);
}

int clinux_addresses_changed(int descriptor) {
    message_room room;
    int is_changed = 0;
    for (;;) {
        const long count = receive(descriptor, &room);
        if (count == -EAGAIN) return is_changed;
        // Too many came to be kept.
        if (count == -ENOBUFS) {
            is_changed = 1;
            continue;
        }
        if (count < 0) return (int)count;
        unsigned left = (unsigned)count;
        for (const struct nlmsghdr *header = &room.header; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == RTM_NEWADDR || header->nlmsg_type == RTM_DELADDR) is_changed = 1;
        }
    }
}
