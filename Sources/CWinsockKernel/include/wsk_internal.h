/// What the C and the Swift part of the run time share. Not installed.
#ifndef WSK_INTERNAL_H
#define WSK_INTERNAL_H

#include <pthread.h>

#include "lamina_socket.h"
#include "ntstrsafe.h"
#include "wsk.h"
#include "wsk_load.h"

EXTERN_C_START

// Traps and places.

/// Whether wrong use is looked for: unless LAMINA_WSK_CHECKS is `off`.
int wsk_checks(void);

/// Ends the program with `lamina: wsk: FUNCTION: MESSAGE (called from PLACE)` on standard error, or, without checks,
/// goes on.
void wsk_trap(const char *function, const char *message, const void *caller);

/// Traps where the thread runs above `level`.
void wsk_require_irql(const char *function, KIRQL level, const void *caller);

/// Writes where an address lies: `function+offset in file`.
void wsk_describe_place(const void *address, char *text, size_t capacity);

/// Where the image that an address lies in was loaded; null for none.
const void *wsk_image_of(const void *address);

/// Raises this thread to DISPATCH_LEVEL for a call of the client's, and answers the level before.
KIRQL wsk_enter_dispatch(void);
void wsk_leave_dispatch(KIRQL before);

/// What a call of the client's changes for the thread.
typedef struct wsk_client_call {
    KIRQL irql;
    unsigned depth;
} wsk_client_call;

/// Begins and ends a call of the client's code, at DISPATCH_LEVEL or at the level that there is.
wsk_client_call wsk_begin_call(void);
wsk_client_call wsk_begin_call_as_it_is(void);
void wsk_end_call(wsk_client_call call);

/// Marks a function that clients call, to its end, as the run time's own code.
void wsk_leave_own_code(const int *unused);
int wsk_enter_own_code(void);
#define WSK_OWN_CODE const int wsk_own_code __attribute__((cleanup(wsk_leave_own_code), unused)) = wsk_enter_own_code()

/// Tells the thread sanitizer, where there is one, that what happened before `release` is seen after `acquire`.
void wsk_hand_over(void *object);
void wsk_take_over(void *object);

/// Whether the address sanitizer is in the process.
int wsk_has_address_sanitizer(void);

// Mutexes and conditions of the run time's own, which are there before any thread is.

enum {
    WSK_MUTEX_DISPATCHER = 0,
    WSK_MUTEX_LEDGER,
    WSK_MUTEX_QUARANTINE,
    WSK_MUTEX_RUNDOWN,
    WSK_MUTEX_WORKERS,
    WSK_MUTEX_THREADS,
    WSK_MUTEX_PROVIDER,
    WSK_MUTEX_CLIENTS,
    WSK_MUTEX_SOCKETS,
    WSK_MUTEX_DEFERRED,
    WSK_MUTEX_ONCE,
    WSK_MUTEX_UNLOAD,
    WSK_MUTEX_COUNT,
};

enum {
    WSK_CONDITION_CLOCK = 0,
    WSK_CONDITION_CALLS,
    WSK_CONDITION_RUNDOWN,
    WSK_CONDITION_WORKERS,
    WSK_CONDITION_DEFERRED,
    WSK_CONDITION_ONCE,
    WSK_CONDITION_UNLOAD,
    WSK_CONDITION_COUNT,
};

pthread_mutex_t *wsk_mutex(int number);
pthread_cond_t *wsk_condition(int number);

// Memory of which the run time keeps account: pool blocks, IRPs, MDLs and the like.

enum {
    WSK_OBJECT_POOL = 0,
    WSK_OBJECT_IRP,
    WSK_OBJECT_MDL,
    WSK_OBJECT_WORK_ITEM,
    WSK_OBJECT_DEVICE,
    WSK_OBJECT_THREAD,
    WSK_OBJECT_SOCKET,
    WSK_OBJECT_COUNT,
};

#define WSK_BLOCK_LIVE 0x4556494c4b53576full
#define WSK_BLOCK_FREED 0x4545524653576b6cull

/// What stands before such a block.
typedef struct wsk_block {
    uint64_t magic;
    struct wsk_block *next;
    struct wsk_block *previous;
    const void *maker;
    uint64_t serial;
    uint64_t size;
    uint32_t kind;
    uint32_t tag;
    uint64_t reserved;
} wsk_block;

LAMINA_STATIC_ASSERT(sizeof(wsk_block) == 64, "blocks keep malloc's alignment");

// Sockets.

enum {
    WSK_SOCKET_FREE = 0,
    WSK_SOCKET_OPENING,
    WSK_SOCKET_OPEN,
    WSK_SOCKET_CLOSING,
};

/// Bits of a socket's `flags`.
enum {
    WSK_IS_BOUND = 1,
    WSK_IS_CONNECTED = 2,
    WSK_IS_LISTENING = 4,
    WSK_HAS_ENDED_SENDING = 8,
    WSK_HAS_REMOTE = 16,
    WSK_HAS_SEND_TO = 32,
    WSK_IS_CONDITIONAL = 64,
    /// SO_REUSEADDR and SO_EXCLUSIVEADDRUSE.
    WSK_IS_SHARED = 128,
    WSK_IS_EXCLUSIVE = 256,
    /// What the client wants to know of datagrams that come: IP_ECN, IP_RECVTOS, IPV6_ECN, IPV6_RECVTCLASS, IP_HOPLIMIT.
    WSK_WANTS_ECN = 512,
    WSK_WANTS_TOS = 1024,
    WSK_WANTS_ECN6 = 2048,
    WSK_WANTS_TCLASS = 4096,
    WSK_WANTS_HOPS = 8192,
};

/// A socket as the client holds it. The memory stays a socket for good.
typedef struct wsk_socket {
    WSK_SOCKET wsk;
    /// `WSK_SOCKET_…`, changed by atomic operations.
    uint32_t state;
    /// `LAMINA_LISTEN` and so on.
    uint32_t category;
    lamina_socket handle;
    void *client;
    void *context;
    const void *dispatch;
    const void *maker;
    uint64_t serial;
    /// `WSK_EVENT_…` that are enabled, and those that accepted sockets begin with.
    uint32_t events;
    uint32_t inherited;
    /// `WSK_IS_…`, changed by atomic operations.
    uint32_t flags;
    /// Completions that the run time holds back; while there are any, later ones wait behind them.
    uint32_t deferred;
    int32_t family;
    int32_t type;
    int32_t protocol;
    /// How often the client has enabled an event, changed by atomic operations.
    uint32_t enables;
    /// The traffic class that datagrams have by an option: IPv4's in the lowest byte, then IPv6's.
    uint32_t traffic;
    uint32_t reserved;
    struct wsk_socket *next;
    struct wsk_socket *previous;
} wsk_socket;

// Operations.

#define WSK_IRP_MAGIC 0x50524957u
#define WSK_IRP_GONE 0x50444557u

/// Who owns an IRP.
enum { WSK_OWNER_CLIENT = 0, WSK_OWNER_PROVIDER = 1 };

/// Bits of an operation's `flags`.
enum {
    /// A step before this one pended.
    WSK_OPERATION_PENDED = 1,
    /// Waits for the run time to deliver it.
    WSK_OPERATION_DEFERRED = 2,
};

enum {
    /// The run time delivers it later.
    WSK_INLINE_DEFERRED = 1,
    /// A step has succeeded, and the call in progress makes the next one.
    WSK_INLINE_STEP = 2,
    /// It has ended with `status`.
    WSK_INLINE_ENDED = 4,
};

/// What an inline completion leaves to the call in progress.
typedef struct wsk_inline_result {
    /// `WSK_INLINE_…`.
    uint32_t flags;
    NTSTATUS status;
} wsk_inline_result;

/// The run time's part of an IRP.
typedef struct wsk_operation {
    uint32_t magic;
    /// `WSK_OWNER_…`, changed by atomic operations.
    uint32_t owner;
    uint32_t kind;
    uint32_t flags;
    wsk_socket *socket;
    /// The socket that the operation makes.
    wsk_socket *made;
    /// The call's own.
    wsk_inline_result *inline_result;
    /// What follows when the step under way has succeeded, or null.
    lamina_status (*next)(PIRP irp);
    /// Where results go.
    void *output[4];
    uint64_t argument[2];
    /// Freed at completion.
    void *allocation;
    /// The queue of deferred completions.
    PIRP next_deferred;
    NTSTATUS deferred_status;
    uint32_t reserved;
    lamina_message message;
    lamina_request request;
    lamina_address first;
    lamina_address second;
} wsk_operation;

LAMINA_STATIC_ASSERT(sizeof(wsk_operation) <= WSK_IRP_WORDS * 8, "an operation has room in its IRP");

static inline wsk_operation *wsk_operation_of(PIRP irp) { return (wsk_operation *)(void *)irp->RunTime; }

/// Atomically replaces the owner; false, and nothing changed, where it isn't `expected`.
static inline int wsk_change_owner(PIRP irp, uint32_t expected, uint32_t next) {
    return __atomic_compare_exchange_n(
        &wsk_operation_of(irp)->owner, &expected, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline PIO_STACK_LOCATION wsk_locations(PIRP irp) { return (PIO_STACK_LOCATION)(void *)(irp + 1); }

/// Runs the routine of the current location, at DISPATCH_LEVEL.
static inline NTSTATUS wsk_call_completion(PIO_STACK_LOCATION location, PDEVICE_OBJECT device, PIRP irp) {
    const PIO_COMPLETION_ROUTINE routine = location->CompletionRoutine;
    const wsk_client_call call = wsk_begin_call();
    const NTSTATUS status = routine(device, irp, location->Context);
    wsk_end_call(call);
    return status;
}

// Indications.

#define WSK_INDICATION_MAGIC 0x444e4957u

enum {
    /// Inside the callback.
    WSK_INDICATION_SHOWN = 1,
    /// Released inside the callback, before that has answered.
    WSK_INDICATION_RELEASED,
    /// Kept by the client.
    WSK_INDICATION_RETAINED,
};

/// One node of a list that a callback gets, which goes back by its address alone.
typedef struct wsk_indication {
    union {
        WSK_DATA_INDICATION data;
        WSK_DATAGRAM_INDICATION datagram;
    };
    MDL mdl;
    struct lamina_data *node;
    /// The next of the list as it was shown; the client may change the public link.
    struct wsk_indication *sibling;
    uint32_t magic;
    /// `WSK_INDICATION_…`, changed by atomic operations.
    uint32_t state;
    struct sockaddr_in6 address;
} wsk_indication;

// Calls of the client's callbacks, at DISPATCH_LEVEL.

static inline const WSK_CLIENT_LISTEN_DISPATCH *wsk_listen_client(const wsk_socket *socket) {
    return socket->category == LAMINA_STREAM && socket->dispatch
        ? ((const WSK_CLIENT_STREAM_DISPATCH *)socket->dispatch)->Listen
        : (const WSK_CLIENT_LISTEN_DISPATCH *)socket->dispatch;
}

static inline WSK_INSPECT_ACTION wsk_call_inspect(
    wsk_socket *listener, PSOCKADDR local, PSOCKADDR remote, PWSK_INSPECT_ID identity) {
    const WSK_CLIENT_LISTEN_DISPATCH *client = wsk_listen_client(listener);
    if (!client || !client->WskInspectEvent) {
        return WskInspectAccept;
    }
    const wsk_client_call call = wsk_begin_call();
    const WSK_INSPECT_ACTION action = client->WskInspectEvent(listener->context, local, remote, identity);
    wsk_end_call(call);
    return action;
}

static inline void wsk_call_abort(wsk_socket *listener, PWSK_INSPECT_ID identity) {
    const WSK_CLIENT_LISTEN_DISPATCH *client = wsk_listen_client(listener);
    if (client && client->WskAbortEvent) {
        const wsk_client_call call = wsk_begin_call();
        (void)client->WskAbortEvent(listener->context, identity);
        wsk_end_call(call);
    }
}

static inline NTSTATUS wsk_call_accept(wsk_socket *listener, PSOCKADDR local, PSOCKADDR remote, wsk_socket *made) {
    const WSK_CLIENT_LISTEN_DISPATCH *client = wsk_listen_client(listener);
    if (!client || !client->WskAcceptEvent) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    const wsk_client_call call = wsk_begin_call();
    const NTSTATUS status = client->WskAcceptEvent(listener->context, WSK_FLAG_AT_DISPATCH_LEVEL, local, remote,
        &made->wsk, &made->context, (const WSK_CLIENT_CONNECTION_DISPATCH **)(void *)&made->dispatch);
    wsk_end_call(call);
    return status;
}

static inline const WSK_CLIENT_CONNECTION_DISPATCH *wsk_connection_client(const wsk_socket *socket) {
    return socket->category == LAMINA_STREAM && socket->dispatch
        ? ((const WSK_CLIENT_STREAM_DISPATCH *)socket->dispatch)->Connect
        : (const WSK_CLIENT_CONNECTION_DISPATCH *)socket->dispatch;
}

static inline NTSTATUS wsk_call_receive(
    wsk_socket *socket, ULONG flags, PWSK_DATA_INDICATION list, SIZE_T indicated, SIZE_T *accepted) {
    const WSK_CLIENT_CONNECTION_DISPATCH *client = wsk_connection_client(socket);
    if (!client || !client->WskReceiveEvent) {
        return STATUS_DATA_NOT_ACCEPTED;
    }
    const wsk_client_call call = wsk_begin_call();
    const NTSTATUS status =
        client->WskReceiveEvent(socket->context, flags | WSK_FLAG_AT_DISPATCH_LEVEL, list, indicated, accepted);
    wsk_end_call(call);
    return status;
}

static inline void wsk_call_disconnect(wsk_socket *socket, ULONG flags) {
    const WSK_CLIENT_CONNECTION_DISPATCH *client = wsk_connection_client(socket);
    if (client && client->WskDisconnectEvent) {
        const wsk_client_call call = wsk_begin_call();
        (void)client->WskDisconnectEvent(socket->context, flags | WSK_FLAG_AT_DISPATCH_LEVEL);
        wsk_end_call(call);
    }
}

static inline void wsk_call_send_backlog(wsk_socket *socket, SIZE_T ideal) {
    const WSK_CLIENT_CONNECTION_DISPATCH *client = wsk_connection_client(socket);
    if (client && client->WskSendBacklogEvent) {
        const wsk_client_call call = wsk_begin_call();
        (void)client->WskSendBacklogEvent(socket->context, ideal);
        wsk_end_call(call);
    }
}

static inline NTSTATUS wsk_call_receive_from(wsk_socket *socket, ULONG flags, PWSK_DATAGRAM_INDICATION list) {
    const WSK_CLIENT_DATAGRAM_DISPATCH *client = (const WSK_CLIENT_DATAGRAM_DISPATCH *)socket->dispatch;
    if (!client || !client->WskReceiveFromEvent) {
        return STATUS_DATA_NOT_ACCEPTED;
    }
    const wsk_client_call call = wsk_begin_call();
    const NTSTATUS status = client->WskReceiveFromEvent(socket->context, flags | WSK_FLAG_AT_DISPATCH_LEVEL, list);
    wsk_end_call(call);
    return status;
}

// Threads.

struct _ETHREAD {
    DISPATCHER_HEADER Header;
    uint32_t references;
    uint32_t has_ended;
    PKSTART_ROUTINE start;
    void *context;
    int32_t identity;
};

/// Starts a thread for `thread`, with every signal blocked. 0 or an errno value.
int wsk_start_thread(PETHREAD thread);
PETHREAD wsk_this_thread(void);

/// Waits for a condition until `deadline` nanoseconds of CLOCK_MONOTONIC; 0, or ETIMEDOUT.
int wsk_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline);

/// Starts a thread of the run time's own.
int wsk_start_helper(void (*function)(void *), void *context);

struct _IO_WORKITEM {
    WORK_QUEUE_ITEM item;
    PVOID object;
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex;
    PVOID context;
};

struct _WSK_DRIVER {
    DRIVER_OBJECT object;
    DRIVER_EXTENSION extension;
    void *library;
    uint64_t baseline;
    const void *image;
    char *path;
};

/// Runs a work item's routine, and a deferred procedure call.
static inline void wsk_call_worker(const WORK_QUEUE_ITEM *item) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    item->WorkerRoutine(item->Parameter);
    wsk_end_call(call);
}

static inline void wsk_call_deferred(PKDPC dpc, const KDPC *copy) {
    const wsk_client_call call = wsk_begin_call();
    copy->DeferredRoutine(dpc, copy->DeferredContext, copy->SystemArgument1, copy->SystemArgument2);
    wsk_end_call(call);
}

/// DriverEntry of a library, or, with null, of the program; null where it has none.
PDRIVER_INITIALIZE wsk_find_entry(void *library);
NTSTATUS wsk_call_entry(PDRIVER_INITIALIZE entry, PWSK_DRIVER driver);
void wsk_call_unload(PWSK_DRIVER driver);

// The functions whose callers are noted; wsk_callers.c has the public ones.

PIRP wsk_allocate_irp(CCHAR stack_size, const void *caller);
void wsk_free_irp(PIRP irp, const void *caller);
PMDL wsk_allocate_mdl(PVOID address, ULONG length, BOOLEAN is_secondary, PIRP irp, const void *caller);
void wsk_free_mdl(PMDL mdl, const void *caller);
PVOID wsk_allocate_pool(SIZE_T bytes, ULONG tag, BOOLEAN is_zeroed, const void *caller);
void wsk_free_pool(PVOID memory, ULONG tag, const void *caller);
NTSTATUS wsk_to_unicode(PUNICODE_STRING target, PCANSI_STRING source, BOOLEAN allocates, const void *caller);
NTSTATUS wsk_to_ansi(PANSI_STRING target, PCUNICODE_STRING source, BOOLEAN allocates, const void *caller);
NTSTATUS wsk_change_case(
    PUNICODE_STRING target, PCUNICODE_STRING source, BOOLEAN allocates, BOOLEAN is_up, const void *caller);
BOOLEAN wsk_create_unicode(PUNICODE_STRING target, PCWSTR source, const void *caller);
NTSTATUS wsk_guid_text(const GUID *guid, PUNICODE_STRING target, const void *caller);
void wsk_free_unicode(PUNICODE_STRING text, const void *caller);
void wsk_free_ansi(PANSI_STRING text, const void *caller);
PIO_WORKITEM wsk_allocate_work_item(PVOID object, const void *caller);
NTSTATUS wsk_create_thread(PHANDLE handle, PKSTART_ROUTINE start, PVOID context, const void *caller);
NTSTATUS wsk_create_device(
    PDRIVER_OBJECT driver, ULONG extension, ULONG type, ULONG characteristics, PDEVICE_OBJECT *device,
    const void *caller);
NTSTATUS wsk_wait(ULONG count, PVOID *objects, WAIT_TYPE type, PLARGE_INTEGER timeout, const void *caller);
NTSTATUS wsk_delay(PLARGE_INTEGER interval, const void *caller);
NTSTATUS wsk_register(PWSK_CLIENT_NPI npi, PWSK_REGISTRATION registration, const void *caller);
void wsk_deregister(PWSK_REGISTRATION registration, const void *caller);
NTSTATUS wsk_deregister_within(
    PWSK_REGISTRATION registration, ULONG milliseconds, BOOLEAN force, const void *caller);
NTSTATUS wsk_capture(
    PWSK_REGISTRATION registration, ULONG milliseconds, PWSK_PROVIDER_NPI npi, const void *caller);

/// Bodies of the dispatch tables' functions.
NTSTATUS wsk_open(PWSK_CLIENT client, ADDRESS_FAMILY family, USHORT type, ULONG protocol, ULONG flags, PVOID context,
    const VOID *dispatch, PIRP irp, const void *caller);
NTSTATUS wsk_open_connected(PWSK_CLIENT client, USHORT type, ULONG protocol, PSOCKADDR local, PSOCKADDR remote,
    ULONG flags, PVOID context, const VOID *dispatch, PIRP irp, const void *caller);
NTSTATUS wsk_accept(PWSK_SOCKET socket, ULONG flags, PVOID context, const VOID *dispatch, PSOCKADDR local,
    PSOCKADDR remote, PIRP irp, const void *caller);
NTSTATUS wsk_control_client(PWSK_CLIENT client, ULONG code, SIZE_T input_size, PVOID input, SIZE_T output_size,
    PVOID output, SIZE_T *returned, PIRP irp);
NTSTATUS wsk_get_address_info(PWSK_CLIENT client, PUNICODE_STRING node, PUNICODE_STRING service, ULONG name_space,
    GUID *provider, PADDRINFOEXW hints, PADDRINFOEXW *result, PEPROCESS process, PETHREAD thread, PIRP irp);
VOID wsk_free_address_info(PWSK_CLIENT client, PADDRINFOEXW info);
NTSTATUS wsk_get_name_info(PWSK_CLIENT client, PSOCKADDR address, ULONG length, PUNICODE_STRING node,
    PUNICODE_STRING service, ULONG flags, PEPROCESS process, PETHREAD thread, PIRP irp);
NTSTATUS wsk_control_socket(PWSK_SOCKET socket, WSK_CONTROL_SOCKET_TYPE type, ULONG code, ULONG level,
    SIZE_T input_size, PVOID input, SIZE_T output_size, PVOID output, SIZE_T *returned, PIRP irp);
NTSTATUS wsk_close_socket(PWSK_SOCKET socket, PIRP irp);
NTSTATUS wsk_bind(PWSK_SOCKET socket, PSOCKADDR address, ULONG flags, PIRP irp);
NTSTATUS wsk_listen(PWSK_SOCKET socket, PIRP irp);
NTSTATUS wsk_inspect_complete(PWSK_SOCKET socket, PWSK_INSPECT_ID identity, WSK_INSPECT_ACTION action, PIRP irp);
NTSTATUS wsk_get_local_address(PWSK_SOCKET socket, PSOCKADDR address, PIRP irp);
NTSTATUS wsk_get_remote_address(PWSK_SOCKET socket, PSOCKADDR address, PIRP irp);
NTSTATUS wsk_connect(PWSK_SOCKET socket, PSOCKADDR address, ULONG flags, PIRP irp);
NTSTATUS wsk_connect_ex(PWSK_SOCKET socket, PSOCKADDR address, PWSK_BUF buffer, ULONG flags, PIRP irp);
NTSTATUS wsk_send(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp);
NTSTATUS wsk_send_ex(
    PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, ULONG control_length, PCMSGHDR control, PIRP irp);
NTSTATUS wsk_receive(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp);
NTSTATUS wsk_receive_ex(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PULONG control_length, PCMSGHDR control,
    PULONG control_flags, PIRP irp);
NTSTATUS wsk_disconnect(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp);
NTSTATUS wsk_release_data(PWSK_SOCKET socket, PWSK_DATA_INDICATION indication);
NTSTATUS wsk_send_to(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PSOCKADDR address, ULONG control_length,
    PCMSGHDR control, PIRP irp);
NTSTATUS wsk_send_messages(PWSK_SOCKET socket, PWSK_BUF_LIST buffers, ULONG flags, PSOCKADDR address,
    ULONG control_length, PCMSGHDR control, PIRP irp);
NTSTATUS wsk_receive_from(PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PSOCKADDR address, PULONG control_length,
    PCMSGHDR control, PULONG control_flags, PIRP irp);
NTSTATUS wsk_release_datagrams(PWSK_SOCKET socket, PWSK_DATAGRAM_INDICATION indication);

/// The dispatch table of a category (`LAMINA_LISTEN` and so on), and the client's.
const void *wsk_dispatch_of(uint32_t category);
const WSK_PROVIDER_DISPATCH *wsk_provider(void);

EXTERN_C_END

#endif
