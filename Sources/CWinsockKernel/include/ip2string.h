/// IP addresses as text, and text as addresses.
#ifndef WSK_IP2STRING_H
#define WSK_IP2STRING_H

#include "ws2ipdef.h"

EXTERN_C_START

/// Write an address with a NUL and answer where that stands.
PSTR RtlIpv4AddressToStringA(const IN_ADDR *Address, PSTR Text);
PSTR RtlIpv6AddressToStringA(const IN6_ADDR *Address, PSTR Text);
PWSTR RtlIpv4AddressToStringW(const IN_ADDR *Address, PWSTR Text);
PWSTR RtlIpv6AddressToStringW(const IN6_ADDR *Address, PWSTR Text);

/// Write an address with its port, in network byte order, unless that is 0, as `1.2.3.4:80` or `[::1%2]:80`. `Length`
/// counts characters with the NUL: room at first, then what was written. STATUS_INVALID_PARAMETER, with what is needed:
/// it is too little.
NTSTATUS RtlIpv4AddressToStringExA(const IN_ADDR *Address, USHORT Port, PSTR Text, PULONG Length);
NTSTATUS RtlIpv6AddressToStringExA(
    const IN6_ADDR *Address, ULONG ScopeId, USHORT Port, PSTR Text, PULONG Length);
NTSTATUS RtlIpv4AddressToStringExW(const IN_ADDR *Address, USHORT Port, PWSTR Text, PULONG Length);
NTSTATUS RtlIpv6AddressToStringExW(
    const IN6_ADDR *Address, ULONG ScopeId, USHORT Port, PWSTR Text, PULONG Length);

/// Read an address, and answer where it ends. IPv4: four decimal numbers.
NTSTATUS RtlIpv4StringToAddressA(PCSTR Text, BOOLEAN Strict, PCSTR *Terminator, IN_ADDR *Address);
NTSTATUS RtlIpv6StringToAddressA(PCSTR Text, PCSTR *Terminator, IN6_ADDR *Address);
NTSTATUS RtlIpv4StringToAddressW(PCWSTR Text, BOOLEAN Strict, PCWSTR *Terminator, IN_ADDR *Address);
NTSTATUS RtlIpv6StringToAddressW(PCWSTR Text, PCWSTR *Terminator, IN6_ADDR *Address);

/// Read an address with a port, which may be missing and is answered in network byte order.
NTSTATUS RtlIpv4StringToAddressExA(PCSTR Text, BOOLEAN Strict, IN_ADDR *Address, PUSHORT Port);
NTSTATUS RtlIpv6StringToAddressExA(PCSTR Text, IN6_ADDR *Address, PULONG ScopeId, PUSHORT Port);
NTSTATUS RtlIpv4StringToAddressExW(PCWSTR Text, BOOLEAN Strict, IN_ADDR *Address, PUSHORT Port);
NTSTATUS RtlIpv6StringToAddressExW(PCWSTR Text, IN6_ADDR *Address, PULONG ScopeId, PUSHORT Port);

#if defined(UNICODE) || defined(_UNICODE)
#define RtlIpv4AddressToString RtlIpv4AddressToStringW
#define RtlIpv6AddressToString RtlIpv6AddressToStringW
#define RtlIpv4AddressToStringEx RtlIpv4AddressToStringExW
#define RtlIpv6AddressToStringEx RtlIpv6AddressToStringExW
#define RtlIpv4StringToAddress RtlIpv4StringToAddressW
#define RtlIpv6StringToAddress RtlIpv6StringToAddressW
#define RtlIpv4StringToAddressEx RtlIpv4StringToAddressExW
#define RtlIpv6StringToAddressEx RtlIpv6StringToAddressExW
#endif

EXTERN_C_END

#endif
