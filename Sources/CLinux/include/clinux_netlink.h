/// The machine's addresses, and when they change (rtnetlink), by raw system calls. All answer a negative errno where
/// they fail.
#ifndef CLINUX_NETLINK_H
#define CLINUX_NETLINK_H

#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#define CLINUX_MAYBE _Nullable
#else
#define CLINUX_MAYBE
#endif

/// One address of an interface.
typedef struct clinux_interface_address {
    /// `AF_INET` or `AF_INET6`.
    int32_t family;
    /// The interface's number; `sin6_scope_id` of a link-local address.
    uint32_t interface;
    /// In network byte order; 4 bytes of an IPv4 address.
    unsigned char bytes[16];
} clinux_interface_address;

/// Writes up to `capacity` of the machine's addresses of `family` (`AF_UNSPEC` for both), and answers how many there
/// are. Waits for the kernel's answer, which comes at once.
int clinux_addresses(int family, clinux_interface_address *CLINUX_MAYBE addresses, int capacity);

/// A descriptor that becomes readable when an address of `family` comes or goes; close-on-exec and non-blocking.
int clinux_watch_addresses(int family);

/// Reads what came on such a descriptor. 1: addresses came or went; 0: not.
int clinux_addresses_changed(int descriptor);

#undef CLINUX_MAYBE
#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
