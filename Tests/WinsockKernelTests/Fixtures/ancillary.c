// Ancillary data of datagrams, and datagrams in segments, by their Windows names.
#include "controls.h"

/// The data of a piece, or null.
static const void *find(const UCHAR *control, ULONG length, INT level, INT type, SIZE_T *size) {
    for (ULONG offset = 0; offset + sizeof(CMSGHDR) <= length;) {
        const CMSGHDR *header = (const CMSGHDR *)(const void *)(control + offset);
        CHECK(header->cmsg_len >= sizeof *header && offset + header->cmsg_len <= length);
        if (header->cmsg_level == level && header->cmsg_type == type) {
            *size = header->cmsg_len - sizeof *header;
            return WSA_CMSG_DATA(header);
        }
        offset += (ULONG)WSA_CMSGHDR_ALIGN(header->cmsg_len);
    }
    return NULL;
}

/// The integer of a piece, or -1.
static INT number(const UCHAR *control, ULONG length, INT level, INT type) {
    SIZE_T size = 0;
    INT value = -1;
    const void *data = find(control, length, level, type, &size);
    if (data) {
        CHECK(size == sizeof value);
        memcpy(&value, data, sizeof value);
    }
    return value;
}

static union {
    UCHAR bytes[256];
    SIZE_T alignment;
} control;
static ULONG control_length;

/// Sends with ancillary data, and receives with room for all of it.
static SIZE_T pass(PWSK_SOCKET from, PWSK_SOCKET to, PUCHAR sent, ULONG sent_length, ULONG length) {
    static UCHAR data[2048];
    SOCKADDR_INET target = address_of(to);
    WSK_BUF buffer = buffer_of(data, length), room = buffer_of(data, sizeof data);
    DO(STATUS_SUCCESS, DATAGRAM(from)->WskSendTo(from, &buffer, 0, (PSOCKADDR)&target, sent_length,
                           sent_length ? (PCMSGHDR)(PVOID)sent : NULL, irp));
    control_length = sizeof control;
    DO(STATUS_SUCCESS, DATAGRAM(to)->WskReceiveFrom(
                           to, &room, 0, NULL, &control_length, (PCMSGHDR)(PVOID)control.bytes, NULL, irp));
    IoFreeMdl(buffer.Mdl);
    IoFreeMdl(room.Mdl);
    return information;
}

static void test_ancillary_data(ADDRESS_FAMILY family) {
    const INT level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    const INT tos = family == AF_INET ? IP_TOS : IPV6_TCLASS, ecn = family == AF_INET ? IP_ECN : IPV6_ECN;
    const INT hops = family == AF_INET ? IP_HOPLIMIT : IPV6_HOPLIMIT;
    const INT want_tos = family == AF_INET ? IP_RECVTOS : IPV6_RECVTCLASS;
    const INT packet = family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO;
    PWSK_SOCKET one = open_datagram(family), two = open_datagram(family);
    union {
        UCHAR bytes[256];
        SIZE_T alignment;
    } sent;
    ULONG used = 0;
    INT value = 1;

    // Nothing that wasn't asked for; ECN alone; the whole class alone; both.
    pass(one, two, NULL, 0, 3);
    CHECK(control_length == 0);
    append(sent.bytes, &used, level, ecn, &value, sizeof value);
    set_option(two, level, ecn, 1);
    CHECK(get_option(two, level, ecn) == 1 && get_option(two, level, want_tos) == 0);
    pass(one, two, sent.bytes, used, 3);
    CHECK(number(control.bytes, control_length, level, ecn) == 1);
    CHECK(number(control.bytes, control_length, level, tos) == -1);
    set_option(two, level, want_tos, 1);
    set_option(one, level, tos, 0x68);
    CHECK(get_option(one, level, tos) == 0x68);
    pass(one, two, sent.bytes, used, 3);
    CHECK(number(control.bytes, control_length, level, ecn) == 1);
    CHECK(number(control.bytes, control_length, level, tos) == 0x69);
    set_option(two, level, ecn, 0);
    pass(one, two, NULL, 0, 3);
    CHECK(number(control.bytes, control_length, level, ecn) == -1);
    CHECK(number(control.bytes, control_length, level, tos) == 0x68);
    value = 0xb8;
    append(sent.bytes, &used, level, tos, &value, sizeof value);
    value = 9;
    append(sent.bytes, &used, level, hops, &value, sizeof value);
    set_option(two, level, hops, 1);
    set_option(two, level, packet, 1);
    CHECK(get_option(two, level, hops) == 1 && get_option(two, level, packet) == 1);
    pass(one, two, sent.bytes, used, 3);
    CHECK(number(control.bytes, control_length, level, tos) == 0xb9);
    CHECK(number(control.bytes, control_length, level, hops) == 9);
    SIZE_T size = 0;
    const void *info = find(control.bytes, control_length, level, packet, &size);
    const SOCKADDR_INET target = address_of(two);
    if (family == AF_INET) {
        IN_PKTINFO found;
        CHECK(info && size == sizeof found);
        memcpy(&found, info, sizeof found);
        CHECK(found.ipi_ifindex > 0 && IN4_ADDR_EQUAL(&found.ipi_addr, &target.Ipv4.sin_addr));
        // The address to send from, as Windows names it.
        IN_PKTINFO source;
        SOCKADDR_IN any;
        memset(&source, 0, sizeof source);
        source.ipi_addr.s_addr = RtlUlongByteSwap(0x7f000007);
        IN4ADDR_SETANY(&any);
        PWSK_SOCKET wild = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
        DO(STATUS_SUCCESS, DATAGRAM(wild)->WskBind(wild, (PSOCKADDR)&any, 0, irp));
        used = 0;
        append(sent.bytes, &used, level, packet, &source, sizeof source);
        UCHAR byte = 0;
        WSK_BUF data = buffer_of(&byte, 1);
        SOCKADDR_IN from;
        DO(STATUS_SUCCESS, DATAGRAM(wild)->WskSendTo(
                               wild, &data, 0, (PSOCKADDR)&target, used, (PCMSGHDR)(PVOID)sent.bytes, irp));
        DO(STATUS_SUCCESS, DATAGRAM(two)->WskReceiveFrom(two, &data, 0, (PSOCKADDR)&from, NULL, NULL, NULL, irp));
        CHECK(from.sin_addr.s_addr == RtlUlongByteSwap(0x7f000007));
        IoFreeMdl(data.Mdl);
        close_socket(wild);
    } else {
        IN6_PKTINFO found;
        CHECK(info && size == sizeof found);
        memcpy(&found, info, sizeof found);
        CHECK(found.ipi6_ifindex > 0 && IN6_ADDR_EQUAL(&found.ipi6_addr, &target.Ipv6.sin6_addr));
    }
    // Too little room is told.
    UCHAR byte = 0;
    WSK_BUF data = buffer_of(&byte, 1);
    ULONG flags = 0;
    control_length = WSA_CMSG_SPACE(4);
    DO(STATUS_SUCCESS, DATAGRAM(one)->WskSendTo(one, &data, 0, (PSOCKADDR)&target, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskReceiveFrom(
                           two, &data, 0, NULL, &control_length, (PCMSGHDR)(PVOID)control.bytes, &flags, irp));
    CHECK(flags == MSG_CTRUNC && control_length <= WSA_CMSG_SPACE(4));
    IoFreeMdl(data.Mdl);
    close_socket(one);
    close_socket(two);
}

static void test_segments(ADDRESS_FAMILY family) {
    PWSK_SOCKET one = open_datagram(family), two = open_datagram(family);
    union {
        UCHAR bytes[64];
        SIZE_T alignment;
    } sent;
    ULONG used = 0, size = 400;
    append(sent.bytes, &used, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &size, sizeof size);
    CHECK(pass(one, two, sent.bytes, used, 1000) == 400);
    static UCHAR rest[2048];
    WSK_BUF room = buffer_of(rest, sizeof rest);
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskReceiveFrom(two, &room, 0, NULL, NULL, NULL, NULL, irp));
    CHECK(information == 400);
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskReceiveFrom(two, &room, 0, NULL, NULL, NULL, NULL, irp));
    CHECK(information == 200);
    set_option(two, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 60000);
    CHECK(pass(one, two, sent.bytes, used, 1000) == 1000);
    CHECK(number(control.bytes, control_length, IPPROTO_UDP, UDP_COALESCED_INFO) == 400);
    set_option(one, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 500);
    CHECK(get_option(one, IPPROTO_UDP, UDP_SEND_MSG_SIZE) == 500);
    IoFreeMdl(room.Mdl);
    close_socket(one);
    close_socket(two);
}

int main(void) {
    begin_client();
    test_ancillary_data(AF_INET);
    test_ancillary_data(AF_INET6);
    test_segments(AF_INET);
    test_segments(AF_INET6);
    end_client();
    puts("done");
    return 0;
}
