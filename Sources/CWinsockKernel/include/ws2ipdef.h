/// What belongs to IP: packet information, and small tests of addresses.
#ifndef WSK_WS2IPDEF_H
#define WSK_WS2IPDEF_H

#include "ws2def.h"

/// What IP_PKTINFO carries: the interface's number and the packet's destination. Linux's layout, where the address that
/// a packet was answered from stands between them.
typedef struct _WSK_IN_PKTINFO {
    INT ipi_ifindex;
    IN_ADDR ipi_spec_dst;
    IN_ADDR ipi_addr;
} IN_PKTINFO, *PIN_PKTINFO;

typedef struct _WSK_IN6_PKTINFO {
    IN6_ADDR ipi6_addr;
    ULONG ipi6_ifindex;
} IN6_PKTINFO, *PIN6_PKTINFO;

#ifndef INET_ADDRSTRLEN
#define INET_ADDRSTRLEN 22
#define INET6_ADDRSTRLEN 65
#endif

WSK_INLINE BOOLEAN IN6_ADDR_EQUAL(const IN6_ADDR *Left, const IN6_ADDR *Right) {
    return memcmp(Left, Right, sizeof *Left) == 0;
}

WSK_INLINE BOOLEAN IN4_ADDR_EQUAL(const IN_ADDR *Left, const IN_ADDR *Right) {
    return memcmp(Left, Right, sizeof *Left) == 0;
}

WSK_INLINE USHORT INETADDR_FAMILY(const SOCKADDR *Address) { return Address->sa_family; }

WSK_INLINE VOID IN4ADDR_SETANY(PSOCKADDR_IN Address) {
    memset(Address, 0, sizeof *Address);
    Address->sin_family = AF_INET;
}

WSK_INLINE VOID IN6ADDR_SETANY(PSOCKADDR_IN6 Address) {
    memset(Address, 0, sizeof *Address);
    Address->sin6_family = AF_INET6;
}

WSK_INLINE VOID INETADDR_SETANY(PSOCKADDR Address) {
    if (Address->sa_family == AF_INET6) {
        IN6ADDR_SETANY((PSOCKADDR_IN6)Address);
    } else {
        IN4ADDR_SETANY((PSOCKADDR_IN)Address);
    }
}

WSK_INLINE VOID IN4ADDR_SETLOOPBACK(PSOCKADDR_IN Address) {
    IN4ADDR_SETANY(Address);
    Address->sin_addr.s_addr = __builtin_bswap32(0x7f000001u);
}

WSK_INLINE VOID IN6ADDR_SETLOOPBACK(PSOCKADDR_IN6 Address) {
    IN6ADDR_SETANY(Address);
    ((PUCHAR)&Address->sin6_addr)[15] = 1;
}

WSK_INLINE VOID SS_PORT_SET(PVOID Address, USHORT Port) { memcpy((PUCHAR)Address + 2, &Port, sizeof Port); }
#define INETADDR_SET_PORT(address, port) SS_PORT_SET((address), (port))
#define INETADDR_PORT(address) (((const SOCKADDR_IN *)(const void *)(address))->sin_port)
#define SS_PORT(address) INETADDR_PORT(address)

#endif
