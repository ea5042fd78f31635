/// What passes a socket between processes: packets with descriptors over an abstract Unix address, random bytes, and what
/// the kernel knows a descriptor by. All answer a negative errno where they fail.
#ifndef CLINUX_HANDOFF_H
#define CLINUX_HANDOFF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The most descriptors of one packet.
enum { clinux_most_descriptors = 64 };

/// Fills memory with random bytes (getrandom). 0 or a negative errno.
int clinux_random(void *bytes, size_t count);

/// Whether two byte strings are the same, in a time that doesn't depend on where they differ.
int clinux_is_equal(const void *left, const void *right, size_t count);

/// A socket of packets that listens at an abstract Unix address, close-on-exec and non-blocking.
int clinux_packet_listen(const char *name, int backlog);

/// A socket of packets that is connected to such an address, close-on-exec and non-blocking. -EAGAIN: its queue is full.
int clinux_packet_connect(const char *name);

/// Sends one packet with descriptors, without waiting. 0 or a negative errno.
int clinux_packet_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count);

/// Receives one packet without waiting: its length, 0 at the end. `descriptors` has room for `clinux_most_descriptors`,
/// close-on-exec; `*descriptor_count` of them came. -EMSGSIZE: it was longer, or had more; then no descriptor is left open.
ssize_t clinux_packet_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *descriptor_count);

/// What the kernel knows a descriptor by, whatever its number: a socket's SO_COOKIE and 0, or device and inode, with a bit
/// that no cookie has. 0 or a negative errno.
int clinux_descriptor_key(int descriptor, uint64_t key[2]);

/// Another descriptor of the same, close-on-exec.
int clinux_duplicate_descriptor(int descriptor);

/// Leaves a descriptor open across exec (1), or not (0).
int clinux_set_inheritable(int descriptor, int inheritable);

/// Makes a descriptor non-blocking.
int clinux_set_non_blocking(int descriptor);

/// Two connected Unix sockets of a type, close-on-exec and non-blocking.
int clinux_pair(int type, int ends[2]);

/// What kind of socket a descriptor is: `kind` gets its family, type, protocol, and whether it listens. -ENOTSOCK: none.
int clinux_socket_kind(int descriptor, int kind[4]);

#endif
