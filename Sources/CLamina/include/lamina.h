/// The C API for programs: what liblamina exports.
///
/// A program opens a chain, opens sockets on it, and makes calls in one of two ways. `lamina_wait_…` blocks the thread
/// until the operation has ended. `lamina_socket_…(socket, …, request)` of lamina_socket.h never blocks and ends with
/// the request's completion routine.
///
/// Every function may be called on any thread and, unless it says otherwise, doesn't block. It answers 0 or something
/// positive, or a negative `errno`; a null pointer where something is needed is answered with -EINVAL. Where a function
/// takes a `lamina_error`, a failure is described there; it may be null. Strings that are passed in are copied.
#ifndef LAMINA_H
#define LAMINA_H

#include <sys/types.h>

#include "lamina_lookup.h"
#include "lamina_provider.h"
#include "lamina_socket.h"

LAMINA_C_BEGIN

/// What kind of failure it was, for a program that decides by it.
enum {
    /// A system call's failure; the status says which.
    LAMINA_ERROR_SYSTEM = 1,
    /// An argument that no call accepts.
    LAMINA_ERROR_INVALID_ARGUMENT = 2,
    /// A name, file or entry that isn't there.
    LAMINA_ERROR_NOT_FOUND = 3,
    /// A manifest that can't be read or says something impossible.
    LAMINA_ERROR_INVALID_MANIFEST = 4,
    /// A setting that a provider doesn't declare, or a value of the wrong type.
    LAMINA_ERROR_INVALID_SETTING = 5,
    /// Layers that can't stand together, or in this order.
    LAMINA_ERROR_INVALID_CHAIN = 6,
    /// A library that the dynamic loader or its own start-up symbol refused.
    LAMINA_ERROR_LOAD_FAILED = 7,
    /// A library made for another version, architecture or table.
    LAMINA_ERROR_INCOMPATIBLE = 8,
    /// What Lamina or a layer declines on purpose.
    LAMINA_ERROR_REFUSED = 9,
    /// A call on a socket that has been closed.
    LAMINA_ERROR_CLOSED = 10,
    /// An entry that no level of the chain offers for this socket.
    LAMINA_ERROR_NOT_SUPPORTED = 11,
    /// An operation that was cancelled.
    LAMINA_ERROR_CANCELLED = 12,
    /// An operation whose deadline passed.
    LAMINA_ERROR_TIMED_OUT = 13,
};

/// What a failing function says about it. Begin with `lamina_error error = {0};`.
typedef struct lamina_error {
    /// How many bytes the program has for it, 0 for the 512 of the first version: no byte beyond is written.
    uint32_t size;
    /// What the function answered.
    lamina_status status;
    /// `LAMINA_ERROR_…`.
    uint32_t code;
    uint32_t reserved;
    /// The label of the level that failed; empty where no level of a chain did.
    char level[64];
    /// One line: the thing, the cause, and what to do. NUL-terminated UTF-8, cut where it is longer.
    char message[432];
} lamina_error;

LAMINA_STATIC_ASSERT(sizeof(lamina_error) == 512, "a size of 0 stands for this one");

/// The library's version, e.g. "0.1.0".
const char *lamina_version(void);

/// A deadline: CLOCK_MONOTONIC in nanoseconds, this many milliseconds from now. 0 stands for none in every call, and is
/// never answered.
int64_t lamina_deadline_after_ms(int64_t milliseconds);

// Addresses.

/// Room for the text of any address.
#define LAMINA_ADDRESS_TEXT 264

/// Reads `127.0.0.1:80`, `[::1]:80`, `name:80` or `unix:/path`. A name is kept as it is: a level of the chain resolves
/// it.
lamina_status lamina_address_parse(const char *text, lamina_address *address, lamina_error *error);

/// Writes an address as `lamina_address_parse` reads it, NUL-terminated. Answers the length without the NUL, -ENOBUFS
/// where `capacity` bytes are too few.
ssize_t lamina_address_format(const lamina_address *address, char *text, size_t capacity);

// The catalog.

/// What is installed, as it was when the catalog was opened.
typedef struct lamina_catalog lamina_catalog;

/// One provider of the catalog, or one manifest file that gives none. Strings live as long as the catalog.
typedef struct lamina_catalog_entry {
    /// How many bytes the program has for it, 0 for the 56 of the first version: no byte beyond is written.
    uint32_t size;
    /// `LAMINA_…_PROVIDER`, 0 where the manifest can't be read.
    uint32_t kind;
    /// `LAMINA_EFFECT_…`.
    uint32_t effect;
    /// 1 where it can be used, else 0.
    uint32_t available;
    const char *name;
    /// One line, empty where the manifest can't be read.
    const char *summary;
    const char *version;
    /// The library's path, or null.
    const char *library;
    /// Why it can't be used, in one line, or null.
    const char *reason;
} lamina_catalog_entry;

LAMINA_STATIC_ASSERT(sizeof(lamina_catalog_entry) == 56, "a size of 0 stands for this one");

/// Reads the `catalog.d` directories given, and those alone, or with `directories` null the standard ones
/// (WSCEnumProtocols). Loads no plug-in's code. Blocks for the files.
lamina_status lamina_catalog_open(
    const char *const *directories, size_t count, lamina_catalog **catalog, lamina_error *error);

/// Waits until the directories say something else than they did when the catalog was opened, which they may do already
/// (WSK_TRANSPORT_LIST_CHANGE): open it again to see. -ETIMEDOUT: the deadline has passed.
lamina_status lamina_wait_catalog_change(const lamina_catalog *catalog, int64_t deadline, lamina_error *error);

/// Frees the catalog. Null is ignored.
void lamina_catalog_close(lamina_catalog *catalog);

/// How many entries there are.
size_t lamina_catalog_count(const lamina_catalog *catalog);

/// Writes the entry at `index`. Begin with `lamina_catalog_entry entry = {0};`. The first call looks at the libraries'
/// files and blocks for them. -ERANGE: there is none.
lamina_status lamina_catalog_entry_at(const lamina_catalog *catalog, size_t index, lamina_catalog_entry *entry);

// Engines.

/// Waits for what would block, and runs completion routines. Chains without one share an engine with threads of its own,
/// LAMINA_ENGINE_THREADS of them (else one for each processor, at most 4); each socket stays on one of them.
typedef struct lamina_engine lamina_engine;

/// Makes an engine that the program runs itself: it starts no thread, and completion routines of its sockets run in
/// `lamina_engine_run`, or inside the call that was made.
lamina_status lamina_engine_open(lamina_engine **engine, lamina_error *error);

/// Gives the engine up; it ends with its last chain. Null is ignored.
void lamina_engine_close(lamina_engine *engine);

/// A descriptor that is readable when `lamina_engine_run` has something to do. It stays the engine's.
int lamina_engine_descriptor(const lamina_engine *engine);

/// Does what is due, waiting up to `timeout` milliseconds for something, -1 for as long as it takes. Answers how many
/// things it did; 0 as well while another thread runs the engine. Blocks for the time given.
int lamina_engine_run(lamina_engine *engine, int timeout);

// Chains.

/// Layers over one base.
typedef struct lamina_chain lamina_chain;

/// Makes a chain of `count` layers, each `NAME[=LABEL][:key=value,…]`, the first next to the program, over a base in
/// the same form (null: `kernel`). A NAME with a `/` is the path of a library that needs no installing; others are the
/// catalog's. `catalog` null stands for the standard one, `engine` null for the shared one. Loads the libraries and
/// runs their start-up code; blocks for their files.
lamina_status lamina_chain_open(
    const char *const *layers, size_t count, const char *base, const lamina_catalog *catalog, lamina_engine *engine,
    lamina_chain **chain, lamina_error *error);

/// Makes the chain that has this name in the catalog (`lamina chain add`). `catalog`, `engine` and what blocks as in
/// `lamina_chain_open`.
lamina_status lamina_chain_named(
    const char *name, const lamina_catalog *catalog, lamina_engine *engine, lamina_chain **chain, lamina_error *error);

/// Makes the chain of a program that names none itself: the layers of `LAMINA_LAYERS`, else what the policy that names the
/// program says, else no layer. `catalog`, `engine` and what blocks as in `lamina_chain_open`.
lamina_status lamina_chain_of_program(
    const lamina_catalog *catalog, lamina_engine *engine, lamina_chain **chain, lamina_error *error);

/// Gives the chain up. Its open sockets go on, and it ends with the last of them. Null is ignored.
void lamina_chain_close(lamina_chain *chain);

/// Closes every socket that the program has open on the chain, and waits until all are gone; what pends completes as
/// cancelled. -ETIMEDOUT: the deadline has passed, and the message names the sockets that are left, by their number in
/// traces, with what they are and where they are bound; their close goes on.
lamina_status lamina_wait_close_sockets(lamina_chain *chain, int64_t deadline, lamina_error *error);

/// What the chain does to data: the most that any layer does (`LAMINA_EFFECT_…`).
lamina_status lamina_chain_effect(const lamina_chain *chain);

/// The label of the level at `index`, from the program down, the base last; null beyond. It lives as long as the chain.
const char *lamina_chain_label(const lamina_chain *chain, size_t index);

/// What is unusual about the order of the layers, a line each; null beyond the last. It lives as long as the chain.
const char *lamina_chain_warning(const lamina_chain *chain, size_t index);

// Calls with requests, beside those of lamina_socket.h.

/// Opens a socket (socket, WskSocket): `request->socket` and `socket_generation` are its handle, where it succeeds.
lamina_status lamina_socket_open(
    lamina_chain *chain, const lamina_open_arguments *open_arguments, lamina_request *request);

/// Ends the socket (close, WskCloseSocket): calls inside it return, what pends completes as cancelled, its levels
/// close. `request` needs a completion routine, which runs when the socket is gone; it is null for a program that
/// doesn't wait for that. -EBADF: it is closed already.
lamina_status lamina_socket_close(lamina_socket socket, lamina_request *request);

/// Says who hears this socket's events (WSK_CLIENT_…_DISPATCH), with a context that the indications find in their slot:
/// on an opened socket, or an accepted one inside its accept event, before any is enabled by
/// `lamina_socket_enable_indications`. The table must live as long as the socket; null for nobody. -EBUSY: some are
/// enabled. -EBADF: the socket is closed.
lamina_status lamina_socket_set_indications(
    lamina_socket socket, const lamina_indications *indications, void *context);

/// Cancels a request (IoCancelIrp); legal until its completion routine is entered. 1: it has completed or will, as
/// cancelled; 0: it ends by itself. The completion comes in both cases.
int lamina_cancel(lamina_request *request);

// Calls that wait. A deadline of 0 stands for none; a call that meets its deadline answers -ETIMEDOUT. On a thread that
// runs an engine, in a completion routine for instance, what can't end at once fails with -EDEADLK.
// A wait on a socket whose engine the program runs runs that engine meanwhile.

/// Opens a socket (socket, WskSocket). `category`: `LAMINA_CONNECTION`, `LAMINA_LISTEN`, `LAMINA_DATAGRAM`, …
lamina_status lamina_wait_open(
    lamina_chain *chain, int family, int type, int protocol, uint32_t category, lamina_socket *socket,
    lamina_error *error);

/// Connects, or fixes a datagram socket's peer (connect, WskConnect).
lamina_status lamina_wait_connect(
    lamina_socket socket, const lamina_address *address, int64_t deadline, lamina_error *error);

/// Connects to an address in text, e.g. `localhost:80`, as `lamina_address_parse` reads it.
lamina_status lamina_wait_connect_to(
    lamina_socket socket, const char *destination, int64_t deadline, lamina_error *error);

/// Binds a local address (bind, WskBind); port 0 lets the system choose.
lamina_status lamina_wait_bind(
    lamina_socket socket, const lamina_address *address, int64_t deadline, lamina_error *error);

/// Starts to take connections (listen, WskListen).
lamina_status lamina_wait_listen(lamina_socket socket, uint32_t backlog, int64_t deadline, lamina_error *error);

/// Takes a connection (accept, WskAccept). `remote` may be null, else the peer's address is written there.
lamina_status lamina_wait_accept(
    lamina_socket socket, lamina_socket *accepted, lamina_address *remote, int64_t deadline, lamina_error *error);

/// Sends all bytes (send, WskSend) and answers how many. `flags`: `LAMINA_SEND_…`.
ssize_t lamina_wait_send(
    lamina_socket socket, const void *data, size_t length, uint32_t flags, int64_t deadline, lamina_error *error);

/// Receives up to `length` bytes (recv, WskReceive) and answers how many, 0 at the stream's end. `flags`:
/// `LAMINA_RECEIVE_…`.
ssize_t lamina_wait_receive(
    lamina_socket socket, void *data, size_t length, uint32_t flags, int64_t deadline, lamina_error *error);

/// Sends one datagram (sendto, WskSendTo) and answers its length. With `to` null it goes to the socket's peer.
ssize_t lamina_wait_send_to(
    lamina_socket socket, const void *data, size_t length, const lamina_address *to, int64_t deadline,
    lamina_error *error);

/// Receives one datagram (recvfrom, WskReceiveFrom) and answers how many bytes of it were written. `from` and `flags`
/// may be null, else the sender and `LAMINA_MESSAGE_…` are written there.
ssize_t lamina_wait_receive_from(
    lamina_socket socket, void *data, size_t length, lamina_address *from, uint32_t *flags, int64_t deadline,
    lamina_error *error);

/// Ends one direction or both (shutdown, WskDisconnect). `flags`: `LAMINA_DISCONNECT_…`; 0: the sending direction.
lamina_status lamina_wait_disconnect(lamina_socket socket, uint32_t flags, int64_t deadline, lamina_error *error);

/// Writes the socket's own address (getsockname, WskGetLocalAddress).
lamina_status lamina_wait_local_address(
    lamina_socket socket, lamina_address *address, int64_t deadline, lamina_error *error);

/// Writes the peer's address (getpeername, WskGetRemoteAddress).
lamina_status lamina_wait_remote_address(
    lamina_socket socket, lamina_address *address, int64_t deadline, lamina_error *error);

/// Options, ioctls and extensions (getsockopt, setsockopt, ioctl, WskControlSocket). Answers how many bytes of output
/// were written.
ssize_t lamina_wait_control(
    lamina_socket socket, const lamina_operation *operation, int64_t deadline, lamina_error *error);

/// Says where a datagram socket's datagrams go that name no destination (SIO_WSK_SET_SENDTO_ADDRESS), null for nowhere.
/// What comes isn't filtered.
lamina_status lamina_wait_set_destination(
    lamina_socket socket, const lamina_address *address, int64_t deadline, lamina_error *error);

/// Lets a datagram socket whose remote address `lamina_wait_connect` fixed take datagrams from everybody again. It
/// keeps its port; -EADDRINUSE: another socket took it meanwhile.
lamina_status lamina_wait_forget_remote(lamina_socket socket, int64_t deadline, lamina_error *error);

/// Sends one datagram with control data (sendmsg), and answers its length. lamina_control.h writes such data.
ssize_t lamina_wait_send_message(
    lamina_socket socket, const lamina_message *message, int64_t deadline, lamina_error *error);

/// Receives one datagram with control data (recvmsg), and answers how many bytes of it were written. `flags`:
/// `LAMINA_RECEIVE_PEEK`, or `LAMINA_RECEIVE_REPORTS`, with which it never waits.
ssize_t lamina_wait_receive_message(
    lamina_socket socket, lamina_message *message, uint32_t flags, int64_t deadline, lamina_error *error);

/// Writes up to `capacity` of this machine's addresses, of the socket's family (SIO_ADDRESS_LIST_QUERY), and answers
/// how many there are.
ssize_t lamina_wait_address_list(
    lamina_socket socket, lamina_address *addresses, size_t capacity, lamina_error *error);

/// Waits until one of them comes or goes (SIO_ADDRESS_LIST_CHANGE).
lamina_status lamina_wait_address_list_change(lamina_socket socket, int64_t deadline, lamina_error *error);

/// Puts addresses into the order in which to try them (SIO_ADDRESS_LIST_SORT; RFC 6724).
lamina_status lamina_wait_sort_addresses(
    lamina_socket socket, lamina_address *addresses, size_t count, lamina_error *error);

/// A descriptor that can be polled, passed on and used in the socket's place: the base's, where the chain's effect is none;
/// else one end of a pair, and from then on what crosses the socket goes there, through the chain, carried by its engine. It
/// stays the socket's, and is the same each time. -EOPNOTSUPP: a listening socket whose chain sees data.
int lamina_wait_descriptor(lamina_socket socket, lamina_error *error);

/// The addresses of a name, as the chain's levels answer it (getaddrinfo, WskGetAddressInfo). `family`: `AF_UNSPEC`,
/// `AF_INET` or `AF_INET6`. Writes up to `capacity` of them and answers how many.
ssize_t lamina_wait_resolve(
    lamina_chain *chain, const char *name, uint16_t port, int family, lamina_address *addresses, size_t capacity,
    int64_t deadline, lamina_error *error);

// Handing sockets to other processes, and descriptors.

/// What lets one other process have a socket, once (WSAPROTOCOL_INFO as WSADuplicateSocket gives it). Any means of
/// communication carries it; it holds no pointer and no descriptor. What each byte means stands in the documentation.
typedef struct lamina_protocol_info {
    unsigned char bytes[256];
} lamina_protocol_info;

/// For `lamina_socket_duplicate`: share or move, as the levels say.
#define LAMINA_HANDOFF_DEFAULT 0xffu

/// Lets the process `target`, of the same user, have this socket (WSADuplicateSocket), within `milliseconds`, 1 to
/// 600,000, 0 for 30,000. `mode`: `LAMINA_HANDOFF_DEFAULT`, `LAMINA_HANDOFF_SHARE` (both use it afterwards) or
/// `LAMINA_HANDOFF_MOVE` (calls answer -ESTALE once the target has it). Doesn't wait: the socket's engine serves the
/// target. Fails with the level that can't hand the socket over, for a process that isn't there or another user's, and with
/// -EAGAIN where 64 values are outstanding.
lamina_status lamina_socket_duplicate(
    lamina_socket socket, pid_t target, uint32_t mode, uint32_t milliseconds, lamina_protocol_info *info,
    lamina_error *error);

/// Takes back a value that this process gave out. -ENOENT: it was used, has expired, or was withdrawn.
lamina_status lamina_socket_withdraw(const lamina_protocol_info *info);

/// What a value says: `LAMINA_HANDOFF_SHARE` or `LAMINA_HANDOFF_MOVE`; -EINVAL for what is none.
int lamina_protocol_info_mode(const lamina_protocol_info *info);

/// Fetches the socket that a value names (WSASocket with FROM_PROTOCOL_INFO), on a chain of the same levels. `catalog` null
/// stands for the standard one, `engine` null for the shared one. Loads libraries and waits for the source. Where it
/// fails, nothing is left, and the source has the socket as before; -EPERM: the value isn't for this process;
/// -ECONNREFUSED: it was used or withdrawn; -ETIMEDOUT: it has expired.
lamina_status lamina_wait_socket_from(
    const lamina_protocol_info *info, const lamina_catalog *catalog, lamina_engine *engine, int64_t deadline,
    lamina_socket *socket, lamina_error *error);

/// Takes over a descriptor that was inherited or passed, with fresh state in each level; on success it is the socket's, else
/// it stays the caller's. `category` 0: by what it is; -EINVAL for one that it can't be of. Fails with the level that says
/// move or none.
lamina_status lamina_wait_adopt(
    lamina_chain *chain, int descriptor, uint32_t category, lamina_socket *socket, lamina_error *error);

/// Leaves the base's descriptor open across exec (1) or not (0), and answers its number, which the next program adopts.
int lamina_wait_set_inheritable(lamina_socket socket, int inheritable, lamina_error *error);

/// The base's own descriptor, which no layer sees asked for or can refuse (SIO_BASE_HANDLE). It stays the socket's; what is
/// sent and received on it passes the layers by. -ENOTSUP: the base has none.
int lamina_socket_base_descriptor(lamina_socket socket);

/// Writes the labels of the levels that stand in the socket, from the program down, with `/` between them, NUL-terminated.
/// Answers the length without the NUL, -ENOBUFS where `capacity` bytes are too few.
ssize_t lamina_socket_levels(lamina_socket socket, char *text, size_t capacity);

/// Ends the socket and waits until it is gone (close, WskCloseSocket): bounded by the time that levels are given,
/// 5 seconds each step. With -EDEADLK the close goes on by itself. -EBADF: it is closed already.
lamina_status lamina_wait_close(lamina_socket socket, lamina_error *error);

LAMINA_C_END

#endif
