/// Socket addresses, ancillary data and the numbers of families, types, levels and options. The values are Linux's: a
/// source names them, and they go to the kernel as they are.
///
/// Two modes. By default the types are the host's, from <sys/socket.h>. With WSK_SELF_CONTAINED they are declared here,
/// with the same layout, and no header of the host's that declares `connect` or `send` is included: for a source that
/// defines functions of those names itself.
#ifndef WSK_WS2DEF_H
#define WSK_WS2DEF_H

#include "ntdef.h"

#ifdef WSK_SELF_CONTAINED
#include "wsk_types.h"
#else
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
typedef struct in_addr IN_ADDR, *PIN_ADDR, *LPIN_ADDR;
typedef struct in6_addr IN6_ADDR, *PIN6_ADDR, *LPIN6_ADDR;
#endif

typedef USHORT ADDRESS_FAMILY;
/// `IPPROTO_TCP` and so on.
typedef INT IPPROTO, *PIPPROTO;
typedef struct sockaddr SOCKADDR, *PSOCKADDR, *LPSOCKADDR;
typedef struct sockaddr_in SOCKADDR_IN, *PSOCKADDR_IN, *LPSOCKADDR_IN;
typedef struct sockaddr_in6 SOCKADDR_IN6, *PSOCKADDR_IN6, *LPSOCKADDR_IN6;
typedef SOCKADDR_IN6 SOCKADDR_IN6_LH, *PSOCKADDR_IN6_LH;
typedef struct sockaddr_storage SOCKADDR_STORAGE, *PSOCKADDR_STORAGE, SOCKADDR_STORAGE_LH;

typedef union _SOCKADDR_INET {
    SOCKADDR_IN Ipv4;
    SOCKADDR_IN6 Ipv6;
    ADDRESS_FAMILY si_family;
} SOCKADDR_INET, *PSOCKADDR_INET;

typedef struct _SOCKET_ADDRESS {
    PSOCKADDR lpSockaddr;
    INT iSockaddrLength;
} SOCKET_ADDRESS, *PSOCKET_ADDRESS, *LPSOCKET_ADDRESS;

typedef struct _SOCKET_ADDRESS_LIST {
    INT iAddressCount;
    SOCKET_ADDRESS Address[1];
} SOCKET_ADDRESS_LIST, *PSOCKET_ADDRESS_LIST, *LPSOCKET_ADDRESS_LIST;

/// One answer to a question for names. Frees with WskFreeAddressInfo.
typedef struct addrinfoexW {
    INT ai_flags;
    INT ai_family;
    INT ai_socktype;
    INT ai_protocol;
    SIZE_T ai_addrlen;
    PWSTR ai_canonname;
    PSOCKADDR ai_addr;
    PVOID ai_blob;
    SIZE_T ai_bloblen;
    GUID *ai_provider;
    struct addrinfoexW *ai_next;
} ADDRINFOEXW, *PADDRINFOEXW, *LPADDRINFOEXW;

// The same in narrow text: `struct addrinfo` where the host's isn't there.
#ifdef WSK_SELF_CONTAINED
#define WSK_ADDRINFO addrinfo
#else
#define WSK_ADDRINFO _WSK_ADDRINFOA
#endif
typedef struct WSK_ADDRINFO {
    INT ai_flags;
    INT ai_family;
    INT ai_socktype;
    INT ai_protocol;
    SIZE_T ai_addrlen;
    PCHAR ai_canonname;
    PSOCKADDR ai_addr;
    struct WSK_ADDRINFO *ai_next;
} ADDRINFOA, *PADDRINFOA;

#ifndef AI_PASSIVE
#define AI_PASSIVE 0x0001
#define AI_CANONNAME 0x0002
#define AI_NUMERICHOST 0x0004
#endif
#ifndef AI_NUMERICSERV
#define AI_NUMERICSERV 0x0400
#endif
#ifndef AI_ALL
#define AI_V4MAPPED 0x0008
#define AI_ALL 0x0010
#define AI_ADDRCONFIG 0x0020
#endif
#define AI_EXTENDED 0x80000000
#define AI_FQDN 0x00020000
#define NS_ALL 0
#define NS_DNS 12

// Flags of WskGetNameInfo, as getnameinfo's.
#ifndef NI_NUMERICHOST
#define NI_NUMERICHOST 1
#define NI_NUMERICSERV 2
#define NI_NOFQDN 4
#define NI_NAMEREQD 8
#define NI_DGRAM 16
#endif
#ifndef NI_MAXHOST
#define NI_MAXHOST 1025
#define NI_MAXSERV 32
#endif

// Ancillary data: `struct cmsghdr`.

typedef struct cmsghdr WSACMSGHDR, *PWSACMSGHDR, CMSGHDR, *PCMSGHDR;
#define WSA_CMSGHDR_ALIGN(length) (((length) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))
#define WSA_CMSGDATA_ALIGN(length) WSA_CMSGHDR_ALIGN(length)
#define WSA_CMSG_DATA(header) ((PUCHAR)(header) + WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)))
#define WSA_CMSG_LEN(length) (WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)) + (length))
#define WSA_CMSG_SPACE(length) (WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)) + WSA_CMSGHDR_ALIGN(length))
#ifdef WSK_SELF_CONTAINED
#define CMSG_DATA(header) WSA_CMSG_DATA(header)
#define CMSG_LEN(length) WSA_CMSG_LEN(length)
#define CMSG_SPACE(length) WSA_CMSG_SPACE(length)
#endif
#define CMSGHDR_ALIGN(length) WSA_CMSGHDR_ALIGN(length)
#define CMSGDATA_ALIGN(length) WSA_CMSGDATA_ALIGN(length)

typedef struct _WSABUF {
    ULONG len;
    PCHAR buf;
} WSABUF, *PWSABUF, *LPWSABUF;

// Control codes.

#define IOC_UNIX 0x00000000u
#define IOC_WS2 0x08000000u
#define IOC_PROTOCOL 0x10000000u
#define IOC_VENDOR 0x18000000u
#define IOC_WSK (IOC_WS2 | 0x07000000u)
#define WSK_IOC_VOID 0x20000000u
#define WSK_IOC_OUT 0x40000000u
#define WSK_IOC_IN 0x80000000u
#ifndef IOC_IN
#define IOC_VOID WSK_IOC_VOID
#define IOC_OUT WSK_IOC_OUT
#define IOC_IN WSK_IOC_IN
#define IOC_INOUT (IOC_IN | IOC_OUT)
#endif
#define _WSAIO(family, number) (WSK_IOC_VOID | (family) | (number))
#define _WSAIOR(family, number) (WSK_IOC_OUT | (family) | (number))
#define _WSAIOW(family, number) (WSK_IOC_IN | (family) | (number))
#define _WSAIORW(family, number) (WSK_IOC_IN | WSK_IOC_OUT | (family) | (number))
#define SIO_ADDRESS_LIST_QUERY _WSAIOR(IOC_WS2, 22)
#define SIO_ADDRESS_LIST_CHANGE _WSAIO(IOC_WS2, 23)
#define SIO_ADDRESS_LIST_SORT _WSAIORW(IOC_WS2, 25)

// Options, and types of ancillary data, that the host doesn't know by these names; the run time translates them.

#ifndef SO_EXCLUSIVEADDRUSE
#define SO_EXCLUSIVEADDRUSE ((INT)(~SO_REUSEADDR))
#endif
#define SO_CONDITIONAL_ACCEPT 0x3002
#define WSK_SO_BASE 0x4000
#ifndef IP_TOS
#define IP_TOS 1
#define IP_TTL 2
#endif
#define IP_ECN 0x5001
#define IPV6_ECN 0x5002
#define IP_DONTFRAGMENT 0x5003
#define IPV6_DONTFRAGMENT 0x5004
#ifndef IPV6_DONTFRAG
#define IPV6_DONTFRAG 62
#endif
#define UDP_SEND_MSG_SIZE 0x5005
#define UDP_RECV_MAX_COALESCED_SIZE 0x5006
#define UDP_COALESCED_INFO 0x5007
#define IP_HOPLIMIT 0x5008
#define IP_RECVECN IP_ECN
#define IPV6_RECVECN IPV6_ECN

#define MSG_BCAST 0x0400
#define MSG_MCAST 0x0800

#endif
