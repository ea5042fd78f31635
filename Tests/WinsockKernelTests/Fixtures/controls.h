/// What the fixtures of control calls share: options by value, datagram sockets on loopback, and ancillary data to send.
#ifndef CONTROLS_H
#define CONTROLS_H

#include "check.h"

/// A control call, for `DO`.
#define CONTROL(socket, type, code, level, input_size, input, output_size, output)                                     \
    BASIC(DATAGRAM(socket)) WskControlSocket(                                                                          \
        socket, type, code, level, input_size, input, output_size, output, NULL, irp)

static inline void set_option(PWSK_SOCKET socket, ULONG level, ULONG option, ULONG value) {
    DO(STATUS_SUCCESS, CONTROL(socket, WskSetOption, option, level, sizeof value, &value, 0, NULL));
}

static inline ULONG get_option(PWSK_SOCKET socket, ULONG level, ULONG option) {
    ULONG value = 77;
    DO(STATUS_SUCCESS, CONTROL(socket, WskGetOption, option, level, 0, NULL, sizeof value, &value));
    CHECK(information == sizeof value);
    return value;
}

static inline SOCKADDR_INET address_of(PWSK_SOCKET socket) {
    SOCKADDR_INET address;
    memset(&address, 0, sizeof address);
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&address, irp));
    return address;
}

/// A datagram socket on loopback.
static inline PWSK_SOCKET open_datagram(ADDRESS_FAMILY family) {
    SOCKADDR_INET address;
    if (family == AF_INET) {
        IN4ADDR_SETLOOPBACK(&address.Ipv4);
    } else {
        IN6ADDR_SETLOOPBACK(&address.Ipv6);
    }
    DO(STATUS_SUCCESS, npi.Dispatch->WskSocket(npi.Client, family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                           NULL, NULL, NULL, NULL, NULL, irp));
    const PWSK_SOCKET socket = (PWSK_SOCKET)information;
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskBind(socket, (PSOCKADDR)&address, 0, irp));
    return socket;
}

/// Appends one piece of ancillary data.
static inline void append(PUCHAR room, PULONG used, INT level, INT type, const void *data, ULONG length) {
    const PCMSGHDR header = (PCMSGHDR)(PVOID)(room + *used);
    memset(header, 0, WSA_CMSG_SPACE(length));
    header->cmsg_len = WSA_CMSG_LEN(length);
    header->cmsg_level = level;
    header->cmsg_type = type;
    memcpy(WSA_CMSG_DATA(header), data, length);
    *used += (ULONG)WSA_CMSG_SPACE(length);
}

#endif
