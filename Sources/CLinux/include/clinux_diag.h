/// Sockets of a run: opening, accepting and naming them, and who is at the other end of a loopback connection
/// (sock_diag).
#ifndef CLINUX_DIAG_H
#define CLINUX_DIAG_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/// A socket as the kernel's diagnosis knows it.
typedef struct clinux_socket_identity {
    /// Its SO_COOKIE.
    uint64_t cookie;
    uint32_t user;
    /// Whether `user` is known: a socket that has been closed has no owner left.
    int owned;
} clinux_socket_identity;

/// Writes up to `capacity` SO_COOKIEs of this network namespace's TCP sockets that have an owner, and answers how many
/// there are, or a negative errno. Waits for the kernel's answer, which comes at once.
int clinux_tcp_cookies(uint64_t *cookies, int capacity);

/// Finds the TCP socket of this network namespace that is bound to `local` and connected to `remote`. 0 or a negative
/// errno; -ENOENT: there is none.
int clinux_find_tcp(
    const struct sockaddr *local, const struct sockaddr *remote, clinux_socket_identity *identity);

/// The process at the other end of a Unix socket, with its user and group; 0 or a negative errno.
int clinux_peer(int descriptor, pid_t *process, uid_t *user, gid_t *group);

/// The types of sockets.
enum { CLINUX_STREAM = 1, CLINUX_DATAGRAM = 2, CLINUX_RAW = 3, CLINUX_PACKETS = 5 };

/// A socket of `CLINUX_STREAM` and so on, close-on-exec and non-blocking. A negative errno if it fails.
int clinux_socket(int family, int type);

/// Two connected Unix sockets that keep packets apart, close-on-exec. 0 or a negative errno.
int clinux_socket_pair(int ends[2]);

/// accept4, close-on-exec and non-blocking; writes the peer's address if wanted. A negative errno if it fails.
int clinux_accept(int descriptor, struct sockaddr_storage *peer);

/// send without SIGPIPE and without waiting: the bytes sent, or a negative errno.
ssize_t clinux_send(int descriptor, const void *bytes, size_t count);

/// recv without waiting: the bytes received, or a negative errno.
ssize_t clinux_receive(int descriptor, void *bytes, size_t count);

/// Makes closing the socket reset its connection (1) or end it (0).
void clinux_reset_on_close(int descriptor, int reset);

#endif
