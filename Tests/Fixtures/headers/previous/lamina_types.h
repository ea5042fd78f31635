/// The plain values that cross the boundary between the framework and a provider.
#ifndef LAMINA_TYPES_H
#define LAMINA_TYPES_H

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#if defined(__cplusplus)
#define LAMINA_C_BEGIN extern "C" {
#define LAMINA_C_END }
#define LAMINA_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define LAMINA_C_BEGIN
#define LAMINA_C_END
#define LAMINA_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

#if defined(__clang__)
#define LAMINA_NULLABLE _Nullable
#define LAMINA_NONNULL _Nonnull
#define LAMINA_NONNULL_BEGIN _Pragma("clang assume_nonnull begin")
#define LAMINA_NONNULL_END _Pragma("clang assume_nonnull end")
#else
#define LAMINA_NULLABLE
#define LAMINA_NONNULL
#define LAMINA_NONNULL_BEGIN
#define LAMINA_NONNULL_END
#endif

#define LAMINA_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define LAMINA_INLINE static inline __attribute__((always_inline))
/// What is needed so seldom that it must not weigh on the functions that inline its caller.
#define LAMINA_OUT_OF_LINE static __attribute__((noinline, cold, unused))
/// Lets the caller of such a function keep its values in registers.
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
#define LAMINA_KEEPS_REGISTERS __attribute__((preserve_most))
#else
#define LAMINA_KEEPS_REGISTERS
#endif

/// The version of everything that these headers declare. It grows by one with each change that a plug-in can see.
#define LAMINA_ABI_VERSION 1u

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// How a call ended: 0, `LAMINA_PENDING`, or a negative `errno`.
typedef int32_t lamina_status;

/// The request was accepted and completes later, possibly before the call has returned (WSK's STATUS_PENDING).
#define LAMINA_PENDING 1
/// What a completion frame returns to stop the unwinding (STATUS_MORE_PROCESSING_REQUIRED): the request is the
/// frame's level's again, until it completes it once more.
#define LAMINA_MORE_PROCESSING 2

/// Bytes in memory: `struct iovec`'s layout (WSABUF). The descriptor is copied before a call returns; the memory
/// that it names stays the caller's and must live until the request completes.
typedef struct lamina_buffer {
    void *LAMINA_NULLABLE base;
    /// Bytes.
    size_t length;
} lamina_buffer;

/// What an address holds.
enum {
    /// Nothing.
    LAMINA_ADDRESS_NONE = 0,
    /// A socket address.
    LAMINA_ADDRESS_SOCKET = 1,
    /// A host name that nobody has resolved yet, with a port.
    LAMINA_ADDRESS_NAME = 2,
};

/// A socket address with its length, or a {name, port}. Copied before a call returns.
typedef struct lamina_address {
    /// `LAMINA_ADDRESS_…`.
    uint16_t form;
    /// The port of a name, in host byte order; unused in a socket address.
    uint16_t port;
    /// Bytes used of `storage`: a socket address's length, or a name's without its terminating NUL (1 to 253).
    uint32_t length;
    union {
        struct sockaddr socket;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
        /// NUL-terminated UTF-8.
        char name[256];
        unsigned char bytes[256];
    } storage;
} lamina_address;

/// One datagram of a call that sends or receives datagrams (WSK_BUF_LIST, struct msghdr). The struct, `buffers` and
/// `control` of a send are copied before the call returns; what `address`, `control`, `control_length` and `flags`
/// point to in a receive must live until the request completes.
typedef struct lamina_message {
    const lamina_buffer *LAMINA_NULLABLE buffers;
    uint32_t buffer_count;
    /// Received: `LAMINA_MESSAGE_…`.
    uint32_t flags;
    /// Where to send to (null: the socket's fixed remote), or where the sender's address is written (may be null).
    lamina_address *LAMINA_NULLABLE address;
    /// Ancillary data in `struct cmsghdr` form, or null.
    void *LAMINA_NULLABLE control;
    /// Bytes of `control`: present on a send, capacity and then present on a receive.
    size_t control_length;
    /// Written by the call: bytes of this datagram that were sent or received.
    uint64_t bytes;
} lamina_message;

enum {
    LAMINA_MESSAGE_BROADCAST = 1,
    LAMINA_MESSAGE_MULTICAST = 2,
    /// The datagram was longer than the buffers.
    LAMINA_MESSAGE_TRUNCATED = 4,
    /// The ancillary data were longer than `control`.
    LAMINA_MESSAGE_CONTROL_TRUNCATED = 8,
    /// Indicated: much is retained already, release soon (WSK_FLAG_RELEASE_ASAP).
    LAMINA_MESSAGE_RELEASE_SOON = 16,
};

/// What a socket is for (WSK's socket categories): which entries it accepts. Others answer -EOPNOTSUPP.
enum {
    LAMINA_BASIC = 1,
    LAMINA_LISTEN = 2,
    LAMINA_DATAGRAM = 4,
    LAMINA_CONNECTION = 8,
    /// Listens or connects, decided by the first `listen` or `connect`.
    LAMINA_STREAM = 16,
};

/// What an entry does to a socket's traffic. A layer that fills one entry of a data or destination class is linked
/// for every entry and indication of that class that the socket's category has.
enum {
    LAMINA_CLASS_DATA_OUT = 1,
    LAMINA_CLASS_DATA_IN = 2,
    LAMINA_CLASS_DESTINATION = 4,
    LAMINA_CLASS_NAME = 8,
    LAMINA_CLASS_CONTROL = 16,
    LAMINA_CLASS_LIFETIME = 32,
};

/// Flags of the data entries. A bit that an entry doesn't know is answered with -EINVAL.
enum {
    /// send: urgent data.
    LAMINA_SEND_URGENT = 1,
    /// send: don't wait for more data before transmitting.
    LAMINA_SEND_NO_DELAY = 2,
    /// receive: urgent data.
    LAMINA_RECEIVE_URGENT = 1,
    /// receive: complete when the buffers are full, the stream ends, or the request is cancelled.
    LAMINA_RECEIVE_WAIT_ALL = 2,
    /// receive, with no buffers: discard what comes until the stream ends.
    LAMINA_RECEIVE_DRAIN = 4,
    /// receive: leave the data where it is.
    LAMINA_RECEIVE_PEEK = 8,
    /// receive_from: take what the transport reports about datagrams that were sent (MSG_ERRQUEUE), as control data
    /// beside the datagram in question. Never waits: -EAGAIN where there is nothing.
    LAMINA_RECEIVE_REPORTS = 16,
};

/// Flags of `connect`.
enum {
    /// Of a datagram socket: only say where datagrams go that name no destination; what comes isn't filtered
    /// (SIO_WSK_SET_SENDTO_ADDRESS).
    LAMINA_CONNECT_SEND_ONLY = 1,
};

/// Flags of `disconnect`. Without one: graceful, the sending direction only.
enum {
    LAMINA_DISCONNECT_ABORTIVE = 1,
    /// Stop receiving as well.
    LAMINA_DISCONNECT_RECEIVE = 2,
    /// Leave the sending direction open (with LAMINA_DISCONNECT_RECEIVE).
    LAMINA_DISCONNECT_KEEP_SENDING = 4,
};

enum { LAMINA_OUTBOUND = 0, LAMINA_INBOUND = 1 };

/// Who opens a socket, and for whom. Strings live as long as the socket.
typedef struct lamina_origin {
    /// sizeof(lamina_origin) of the framework.
    uint32_t size;
    int32_t process;
    /// Start time of the process in clock ticks since boot: with `process` it names it for good.
    uint64_t start_time;
    uint32_t user;
    uint32_t group;
    /// `LAMINA_OUTBOUND` or `LAMINA_INBOUND`.
    uint32_t direction;
    uint32_t reserved;
    /// The executable's path, or null if unknown.
    const char *LAMINA_NULLABLE executable;
    /// The destination's name as the program asked for it, or null.
    const char *LAMINA_NULLABLE name;
} lamina_origin;

enum {
    /// The levels below are open already: the socket was accepted, or a condition let this level in late.
    LAMINA_OPEN_FROM_BELOW = 1,
};

/// What `open` is asked for.
typedef struct lamina_open_arguments {
    uint32_t size;
    /// `AF_INET`, `AF_INET6`, `AF_UNIX`, …
    int32_t family;
    /// `SOCK_STREAM`, `SOCK_DGRAM`, …
    int32_t type;
    int32_t protocol;
    /// `LAMINA_BASIC` … `LAMINA_STREAM`.
    uint32_t category;
    /// `LAMINA_OPEN_…`.
    uint32_t flags;
    const lamina_origin *LAMINA_NULLABLE origin;
    uint64_t reserved[2];
} lamina_open_arguments;

enum {
    LAMINA_CONTROL_SET_OPTION = 1,
    LAMINA_CONTROL_GET_OPTION = 2,
    LAMINA_CONTROL_IOCTL = 3,
    LAMINA_CONTROL_EXTENSION = 4,
};

/// Lamina's own options, beside the kernel's levels.
enum {
    LAMINA_LEVEL = 0x4c4d,
    /// get: int32_t, a descriptor of the base's own that can be polled and used in the socket's place, -ENOTSUP if
    /// the base has none. It stays the socket's.
    LAMINA_OPTION_DESCRIPTOR = 1,
    /// get: lamina_address, what `connect` with `LAMINA_CONNECT_SEND_ONLY` set; of form none where nothing is set.
    LAMINA_OPTION_SEND_TO_ADDRESS = 2,
    /// get: uint64_t, the bytes that receives would find now, those that levels keep included
    /// (SIO_WSK_QUERY_RECEIVE_BACKLOG); of a datagram socket, those of the next datagram. A level that keeps bytes adds
    /// its own to what the levels below answer.
    LAMINA_OPTION_RECEIVE_BACKLOG = 3,
    /// get: uint64_t, how many bytes a sender should keep under way (SIO_WSK_QUERY_IDEAL_SEND_BACKLOG). -ENOTCONN: it
    /// isn't connected.
    LAMINA_OPTION_IDEAL_SEND_BACKLOG = 4,
    /// get: lamina_inspect_id of an accepted socket (SIO_WSK_QUERY_INSPECT_ID). -ENODATA: nobody inspected it.
    LAMINA_OPTION_INSPECT_ID = 5,
};

/// Lamina's own ioctls: operations of kind `LAMINA_CONTROL_IOCTL` whose level is `LAMINA_LEVEL`.
enum {
    /// Writes the addresses of this machine, of the socket's family, as `lamina_address`es (SIO_ADDRESS_LIST_QUERY).
    /// -ENOBUFS: there is too little room, and the request's byte count says how much is needed.
    LAMINA_IOCTL_ADDRESS_LIST = 1,
    /// Pends until that list changes (SIO_ADDRESS_LIST_CHANGE). A change that came after the last one was told ends the
    /// next one at once.
    LAMINA_IOCTL_ADDRESS_LIST_CHANGE = 2,
    /// Puts the `lamina_address`es of the input into the order in which to try them (SIO_ADDRESS_LIST_SORT; RFC 6724).
    LAMINA_IOCTL_ADDRESS_LIST_SORT = 3,
};

/// What an extension (`LAMINA_CONTROL_EXTENSION`) exchanges: the caller's side as input, the level's side as output.
/// The extension's name says what stands behind the pointers.
typedef struct lamina_extension {
    void *LAMINA_NULLABLE context;
    const void *LAMINA_NULLABLE dispatch;
} lamina_extension;

/// One control operation (WskControlSocket, WSPIoctl). Input is copied before the call returns; bytes written to
/// `output` are counted in the request.
typedef struct lamina_operation {
    uint32_t size;
    /// `LAMINA_CONTROL_…`.
    uint32_t kind;
    /// The option's level, e.g. `SOL_SOCKET`.
    int32_t level;
    uint32_t code;
    const void *LAMINA_NULLABLE input;
    size_t input_length;
    void *LAMINA_NULLABLE output;
    size_t output_capacity;
    /// An extension's name (UUID text), else null. A level that doesn't know it passes it on; the base answers
    /// -EOPNOTSUPP.
    const char *LAMINA_NULLABLE extension;
} lamina_operation;

/// Whether an operation asks for the extension of this name: UUIDs are the same in either case of their letters.
LAMINA_INLINE int lamina_is_extension(const lamina_operation *operation, const char *uuid) {
    const char *asked = operation->extension;
    if (operation->kind != LAMINA_CONTROL_EXTENSION || !asked) {
        return 0;
    }
    for (; *asked && *uuid; asked++, uuid++) {
        const char one = *asked >= 'A' && *asked <= 'F' ? (char)(*asked + 32) : *asked;
        const char two = *uuid >= 'A' && *uuid <= 'F' ? (char)(*uuid + 32) : *uuid;
        if (one != two) {
            return 0;
        }
    }
    return *asked == *uuid;
}

/// Room for a name of 253 bytes or fewer, with its NUL.
#define LAMINA_NAME_CAPACITY 256

/// A question for the addresses of a name. `addresses` is written before the request completes; `count` of them are valid
/// then. An answer of form `LAMINA_ADDRESS_NAME` says: connect to this name.
typedef struct lamina_resolve_arguments {
    uint32_t size;
    /// `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
    int32_t family;
    /// NUL-terminated UTF-8, copied before the call returns.
    const char *name;
    /// Put into every answer, in host byte order.
    uint16_t port;
    uint16_t reserved;
    uint32_t capacity;
    uint32_t count;
    /// `AI_…` flags of getaddrinfo; a level ignores those that it has no use for.
    uint32_t flags;
    lamina_address *addresses;
    /// Null, or room for `LAMINA_NAME_CAPACITY` bytes, where the canonical name is written, NUL-terminated, before the
    /// request completes; left alone by a level that knows none.
    char *LAMINA_NULLABLE canonical;
    /// Who asks, or null: this program. It lives until the request completes.
    const lamina_origin *LAMINA_NULLABLE origin;
} lamina_resolve_arguments;

/// A question for an address's name; `name` is written, NUL-terminated, before the request completes.
typedef struct lamina_reverse_arguments {
    uint32_t size;
    /// `NI_…` flags of getnameinfo.
    uint32_t flags;
    lamina_address address;
    char name[LAMINA_NAME_CAPACITY];
    /// Who asks, or null: this program. It lives until the request completes.
    const lamina_origin *LAMINA_NULLABLE origin;
} lamina_reverse_arguments;

/// What `export_state` is asked for (`phase` of lamina_state).
enum {
    /// Write the state. Under `LAMINA_HANDOFF_MOVE`: as of the freeze.
    LAMINA_EXPORT_WRITE = 0,
    /// Could it be written? 0 or -ENOBUFS: yes; another error refuses the handoff.
    LAMINA_EXPORT_ASK = 1,
    /// Only under `LAMINA_HANDOFF_MOVE`: begin nothing more until the handoff has ended; what was asked for and hasn't
    /// begun stays where it is. -EBUSY: something is under way, ask again.
    LAMINA_EXPORT_FREEZE = 2,
    /// The other process has it. Under `LAMINA_HANDOFF_MOVE` a close follows, which must not end the connection.
    LAMINA_EXPORT_COMMIT = 3,
    /// The handoff failed: go on as before.
    LAMINA_EXPORT_THAW = 4,
};

/// One level's state on its way to another process. `bytes` holds at most `capacity`; with too few, -ENOBUFS and
/// the number needed in `length`.
typedef struct lamina_state {
    uint32_t size;
    /// The version of the level's own layout.
    uint32_t version;
    void *LAMINA_NULLABLE bytes;
    size_t capacity;
    size_t length;
    /// `LAMINA_HANDOFF_SHARE` or `LAMINA_HANDOFF_MOVE`; `LAMINA_HANDOFF_FRESH` in an adopt_state that gets a descriptor
    /// alone, without bytes.
    uint32_t mode;
    /// `LAMINA_EXPORT_…`.
    uint32_t phase;
    /// Exported: room for `descriptor_capacity`, `descriptor_count` are written, which are the framework's to close then.
    /// Adopted: `descriptor_count` of them; a level that keeps one writes -1 in its place.
    int32_t *LAMINA_NULLABLE descriptors;
    uint32_t descriptor_capacity;
    uint32_t descriptor_count;
    uint64_t reserved[2];
} lamina_state;

/// Names one pending inspection, by content.
typedef struct lamina_inspect_id {
    uint64_t key;
    uint64_t serial;
} lamina_inspect_id;

enum { LAMINA_INSPECT_REJECT = 0, LAMINA_INSPECT_ACCEPT = 1, LAMINA_INSPECT_PEND = 2 };

LAMINA_NONNULL_END
LAMINA_C_END

#endif
