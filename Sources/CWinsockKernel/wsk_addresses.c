// IP addresses as text, and text as addresses.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "ip2string.h"
#include "wsk_internal.h"

PSTR RtlIpv4AddressToStringA(const IN_ADDR *address, PSTR text) {
    inet_ntop(AF_INET, address, text, INET_ADDRSTRLEN);
    return text + strlen(text);
}

PSTR RtlIpv6AddressToStringA(const IN6_ADDR *address, PSTR text) {
    inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
    return text + strlen(text);
}

static NTSTATUS give(const char *made, PSTR text, PULONG length) {
    const ULONG needed = (ULONG)strlen(made) + 1;
    const BOOLEAN fits = text && *length >= needed;
    *length = needed;
    if (fits) {
        memcpy(text, made, needed);
    }
    return fits ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS RtlIpv4AddressToStringExA(const IN_ADDR *address, USHORT port, PSTR text, PULONG length) {
    char made[64];
    const PSTR end = RtlIpv4AddressToStringA(address, made);
    if (port) {
        snprintf(end, sizeof made - (size_t)(end - made), ":%u", ntohs(port));
    }
    return give(made, text, length);
}

NTSTATUS RtlIpv6AddressToStringExA(const IN6_ADDR *address, ULONG scope, USHORT port, PSTR text, PULONG length) {
    char plain[INET6_ADDRSTRLEN], zone[16] = "", made[96];
    RtlIpv6AddressToStringA(address, plain);
    if (scope) {
        snprintf(zone, sizeof zone, "%%%u", scope);
    }
    if (port) {
        snprintf(made, sizeof made, "[%s%s]:%u", plain, zone, ntohs(port));
    } else {
        snprintf(made, sizeof made, "%s%s", plain, zone);
    }
    return give(made, text, length);
}

/// Reads the longest beginning of `text` that is an address.
static NTSTATUS read_address(int family, PCSTR text, PCSTR *end, void *address) {
    char copy[INET6_ADDRSTRLEN];
    size_t length = strspn(text, family == AF_INET ? "0123456789." : "0123456789abcdefABCDEF:.");
    if (length >= sizeof copy) {
        length = sizeof copy - 1;
    }
    for (; length > 0; length--) {
        memcpy(copy, text, length);
        copy[length] = 0;
        if (inet_pton(family, copy, address) == 1) {
            *end = text + length;
            return STATUS_SUCCESS;
        }
    }
    *end = text;
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS RtlIpv4StringToAddressA(PCSTR text, BOOLEAN is_strict, PCSTR *end, IN_ADDR *address) {
    (void)is_strict;
    return read_address(AF_INET, text, end, address);
}

NTSTATUS RtlIpv6StringToAddressA(PCSTR text, PCSTR *end, IN6_ADDR *address) {
    return read_address(AF_INET6, text, end, address);
}

/// Reads `:PORT`, or nothing, to the end.
static NTSTATUS read_port(PCSTR text, PUSHORT port) {
    *port = 0;
    if (!*text) {
        return STATUS_SUCCESS;
    }
    char *end;
    if (text[0] != ':' || text[1] < '0' || text[1] > '9') {
        return STATUS_INVALID_PARAMETER;
    }
    const unsigned long value = strtoul(text + 1, &end, 10);
    *port = htons((USHORT)value);
    return *end || value > 65535 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

NTSTATUS RtlIpv4StringToAddressExA(PCSTR text, BOOLEAN is_strict, IN_ADDR *address, PUSHORT port) {
    PCSTR end;
    const NTSTATUS status = RtlIpv4StringToAddressA(text, is_strict, &end, address);
    return NT_SUCCESS(status) ? read_port(end, port) : status;
}

NTSTATUS RtlIpv6StringToAddressExA(PCSTR text, IN6_ADDR *address, PULONG scope, PUSHORT port) {
    const BOOLEAN is_bracketed = *text == '[';
    PCSTR end;
    const NTSTATUS status = RtlIpv6StringToAddressA(text + is_bracketed, &end, address);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    *scope = 0;
    if (*end == '%') {
        char *after;
        *scope = (ULONG)strtoul(end + 1, &after, 10);
        end = after;
    }
    if (is_bracketed && *end++ != ']') {
        return STATUS_INVALID_PARAMETER;
    }
    return is_bracketed || !*end ? read_port(end, port) : STATUS_INVALID_PARAMETER;
}

// The same in 16-bit units. All characters are of the narrow set.

static size_t widen(const char *text, PWSTR wide) {
    size_t length = 0;
    do {
        wide[length] = (WCHAR)(unsigned char)text[length];
    } while (text[length++]);
    return length - 1;
}

static void narrow(PCWSTR wide, char *text, size_t capacity) {
    size_t length = 0;
    for (; length + 1 < capacity && wide[length]; length++) {
        text[length] = wide[length] < 128 ? (char)wide[length] : '?';
    }
    text[length] = 0;
}

PWSTR RtlIpv4AddressToStringW(const IN_ADDR *address, PWSTR text) {
    char made[INET_ADDRSTRLEN];
    RtlIpv4AddressToStringA(address, made);
    return text + widen(made, text);
}

PWSTR RtlIpv6AddressToStringW(const IN6_ADDR *address, PWSTR text) {
    char made[INET6_ADDRSTRLEN];
    RtlIpv6AddressToStringA(address, made);
    return text + widen(made, text);
}

NTSTATUS RtlIpv4AddressToStringExW(const IN_ADDR *address, USHORT port, PWSTR text, PULONG length) {
    char made[96];
    ULONG room = sizeof made < *length ? sizeof made : *length;
    const NTSTATUS status = RtlIpv4AddressToStringExA(address, port, made, &room);
    *length = room;
    if (NT_SUCCESS(status)) {
        widen(made, text);
    }
    return status;
}

NTSTATUS RtlIpv6AddressToStringExW(const IN6_ADDR *address, ULONG scope, USHORT port, PWSTR text, PULONG length) {
    char made[96];
    ULONG room = sizeof made < *length ? sizeof made : *length;
    const NTSTATUS status = RtlIpv6AddressToStringExA(address, scope, port, made, &room);
    *length = room;
    if (NT_SUCCESS(status)) {
        widen(made, text);
    }
    return status;
}

NTSTATUS RtlIpv4StringToAddressW(PCWSTR text, BOOLEAN is_strict, PCWSTR *end, IN_ADDR *address) {
    char copy[128];
    PCSTR stop;
    narrow(text, copy, sizeof copy);
    const NTSTATUS status = RtlIpv4StringToAddressA(copy, is_strict, &stop, address);
    *end = text + (stop - copy);
    return status;
}

NTSTATUS RtlIpv6StringToAddressW(PCWSTR text, PCWSTR *end, IN6_ADDR *address) {
    char copy[128];
    PCSTR stop;
    narrow(text, copy, sizeof copy);
    const NTSTATUS status = RtlIpv6StringToAddressA(copy, &stop, address);
    *end = text + (stop - copy);
    return status;
}

NTSTATUS RtlIpv4StringToAddressExW(PCWSTR text, BOOLEAN is_strict, IN_ADDR *address, PUSHORT port) {
    char copy[128];
    narrow(text, copy, sizeof copy);
    return RtlIpv4StringToAddressExA(copy, is_strict, address, port);
}

NTSTATUS RtlIpv6StringToAddressExW(PCWSTR text, IN6_ADDR *address, PULONG scope, PUSHORT port) {
    char copy[128];
    narrow(text, copy, sizeof copy);
    return RtlIpv6StringToAddressExA(copy, address, scope, port);
}
