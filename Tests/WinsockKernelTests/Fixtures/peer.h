/// The other end, on the host's own sockets.
#ifndef PEER_H
#define PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/// A socket of this type on a port of the system's choosing; a stream socket listens.
static inline int peer_open(int type, USHORT *port) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int descriptor = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(type != SOCK_STREAM || listen(descriptor, 16) == 0);
    CHECK(getsockname(descriptor, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

/// Reads until `wanted` bytes are there or the stream ends.
static inline size_t peer_read(int descriptor, void *bytes, size_t wanted) {
    size_t done = 0;
    while (done < wanted) {
        const ssize_t count = read(descriptor, (char *)bytes + done, wanted - done);
        CHECK(count >= 0);
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    return done;
}

#endif
