/// A socket is a column of slots: the dispatch table that a provider fills, the links that are compiled from it, and
/// the inline callers that follow them.
///
///     header | slot 0: the application | slot 1: first layer | … | slot N: the base
///
/// A caller names its own slot; the link in it says which function is next and whose slot that function gets.
#ifndef LAMINA_TABLE_H
#define LAMINA_TABLE_H

#include "lamina_request.h"

#define LAMINA_ANY_CATEGORY                                                                                            \
    (LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM)

LAMINA_C_BEGIN

struct lamina_data;
struct lamina_upcalls;
struct lamina_indications;

/// The entries' numbers.
enum {
#define LAMINA_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments) LAMINA_ENTRY_##NAME,
#include "lamina_entries.def"
    LAMINA_ENTRY_COUNT
};

/// The indications' numbers.
enum {
#define LAMINA_INDICATION(name, NAME, classes, categories) LAMINA_INDICATION_##NAME,
#include "lamina_indications.def"
    LAMINA_INDICATION_COUNT
};

#define LAMINA_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                           \
    typedef lamina_status(*lamina_##name##_function) parameters;
#include "lamina_entries.def"

LAMINA_NONNULL_BEGIN

/// Data that a provider indicates. A layer or application that retains a node gives it back by `release`; the node
/// itself says to whom, so lists may be split and reordered.
typedef struct lamina_data {
    struct lamina_data *LAMINA_NULLABLE next;
    lamina_buffer buffer;
    /// A datagram's sender, else null.
    const lamina_address *LAMINA_NULLABLE address;
    const void *LAMINA_NULLABLE control;
    size_t control_length;
    /// `LAMINA_MESSAGE_…`.
    uint32_t flags;
    uint32_t reserved;
    /// Takes the node back, on any thread.
    void (*LAMINA_NULLABLE owner)(struct lamina_data *node, void *LAMINA_NULLABLE context);
    void *LAMINA_NULLABLE owner_context;
} lamina_data;

typedef struct lamina_accept_event {
    const lamina_address *local;
    const lamina_address *remote;
    /// Slot 0 of the new socket.
    lamina_slot *accepted;
    uint64_t accepted_generation;
} lamina_accept_event;

typedef struct lamina_inspect_event {
    const lamina_address *local;
    const lamina_address *remote;
    lamina_inspect_id id;
    /// Written by whoever answers: `LAMINA_INSPECT_…`.
    uint32_t answer;
} lamina_inspect_event;

typedef struct lamina_abort_event {
    lamina_inspect_id id;
} lamina_abort_event;

typedef struct lamina_receive_event {
    /// Null: the socket is dead.
    lamina_data *LAMINA_NULLABLE data;
    uint64_t bytes_indicated;
    /// Set to `bytes_indicated` before the call; lowered by whoever takes less.
    uint64_t bytes_accepted;
} lamina_receive_event;

typedef struct lamina_receive_from_event {
    lamina_data *LAMINA_NULLABLE datagrams;
} lamina_receive_from_event;

typedef struct lamina_disconnect_event {
    /// `LAMINA_DISCONNECT_ABORTIVE` or 0.
    uint32_t flags;
    lamina_status reason;
} lamina_disconnect_event;

typedef struct lamina_send_backlog_event {
    uint64_t ideal_bytes;
} lamina_send_backlog_event;

LAMINA_NONNULL_END

#define LAMINA_INDICATION(name, NAME, classes, categories)                                                             \
    typedef lamina_status (*lamina_##name##_indication)(lamina_slot *slot, lamina_##name##_event *event);
#include "lamina_indications.def"

LAMINA_NONNULL_BEGIN

/// One setting of an instance, in the form that its declaration asks for.
typedef struct lamina_setting {
    const char *name;
    /// `LAMINA_SETTING_…`.
    uint32_t type;
    /// How many values of this setting stand here, one behind the other: 1. Only `configure` gets a list with all of its values
    /// at once; of one that is empty, 0, and no value.
    uint32_t count;
    /// A boolean (0, 1), a number, bytes, bits a second, or nanoseconds.
    int64_t number;
    /// Text, a choice, a path, or a secret: NUL-terminated; null for numbers.
    const char *LAMINA_NULLABLE text;
    size_t text_length;
} lamina_setting;

LAMINA_NONNULL_END

/// The dispatch table (WSPPROC_TABLE, WSK_PROVIDER_…_DISPATCH): the calls of one instance. An empty entry passes this
/// level by, or is adapted, as its class says.
typedef struct lamina_table {
    /// sizeof(lamina_table) of the provider.
    uint32_t size;
    /// `LAMINA_ABI_VERSION` of the provider.
    uint32_t version;
    LAMINA_NONNULL_BEGIN
    /// Takes a new value of a live setting, at any time, on any thread, or null: `setting` is the first of its `count`
    /// values. A refusal leaves the old value, of a list all of them, and writes its reason.
    lamina_status (*LAMINA_NULLABLE configure)(
        void *LAMINA_NULLABLE instance, const lamina_setting *setting, char *reason, size_t reason_capacity);
    LAMINA_NONNULL_END
#define LAMINA_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                           \
    lamina_##name##_function LAMINA_NULLABLE name;
#include "lamina_entries.def"
} lamina_table;

/// The indications of one instance or application (WSK_CLIENT_…_DISPATCH). Empty ones pass by.
typedef struct lamina_indications {
    uint32_t size;
    uint32_t version;
#define LAMINA_INDICATION(name, NAME, classes, categories) lamina_##name##_indication LAMINA_NULLABLE name;
#include "lamina_indications.def"
} lamina_indications;

LAMINA_NONNULL_BEGIN

typedef void (*lamina_any_function)(void);

/// Where a call goes next: a function, and how many bytes from the caller's slot the function's own slot lies.
typedef struct lamina_link {
    lamina_any_function function;
    int64_t distance;
} lamina_link;

/// Calls down from one slot. Compiled once per chain, category and level; immutable.
typedef struct lamina_down {
    uint32_t count;
    uint32_t reserved;
    lamina_link links[LAMINA_ENTRY_COUNT];
} lamina_down;

/// Indications up from one slot.
typedef struct lamina_up {
    uint32_t count;
    uint32_t reserved;
    lamina_link links[LAMINA_INDICATION_COUNT];
} lamina_up;

/// A link that stands in the slot itself, for the calls that data take.
typedef struct lamina_direct_link {
    lamina_any_function LAMINA_NULLABLE function;
    lamina_slot *LAMINA_NULLABLE slot;
} lamina_direct_link;

/// What a column begins with. Only the framework writes it. Columns are type-stable: the memory of a closed socket
/// stays a column for good, with another generation.
typedef struct lamina_column {
    /// Which socket this column is: a handle with another number is stale. Changed by close, before anything else.
    uint64_t generation;
    const struct lamina_upcalls *upcalls;
    /// The chain's own column: its slots' contexts are the instances.
    lamina_slot *LAMINA_NULLABLE instances;
    const struct lamina_indications *LAMINA_NULLABLE client;
    const lamina_origin *LAMINA_NULLABLE origin;
    void *LAMINA_NULLABLE chain;
    void *LAMINA_NULLABLE engine;
    /// The column whose terminating level opened this one, else null.
    lamina_slot *LAMINA_NULLABLE above;
    uint32_t levels;
    uint32_t category;
    /// Completions that wait for the engine; while there are any, later ones wait behind them.
    uint32_t deferred;
    /// Requests that some level holds.
    uint32_t pending;
    uint64_t serial;
    void *LAMINA_NULLABLE framework[5];
} lamina_column;

/// One level's part of a socket. `context`, `primary` and `enabled` are the level's to write, the rest is the
/// framework's.
struct lamina_slot {
    lamina_direct_link send;
    lamina_direct_link receive;
    lamina_direct_link send_to;
    lamina_direct_link receive_from;
    const lamina_down *LAMINA_NULLABLE down;
    const lamina_up *LAMINA_NULLABLE up;
    /// The level's state of this socket.
    void *LAMINA_NULLABLE context;
    /// A terminating level's: slot 0 of the lower column that gets the entries which the level left empty, and those that
    /// it calls on from this slot. Replaced by an atomic store, also while calls are under way.
    lamina_slot *LAMINA_NULLABLE primary;
    lamina_column *column;
    uint32_t level;
    /// The indications that the level above enabled: written by a level that serves `enable_indications`.
    uint32_t enabled;
    uint64_t reserved[2];
};

LAMINA_STATIC_ASSERT(sizeof(lamina_column) == 128, "the header of a column is two cache lines");
LAMINA_STATIC_ASSERT(sizeof(struct lamina_slot) == 128, "a slot is two cache lines");

/// The context of this level's instance: its settings and what its sockets share.
LAMINA_INLINE void *LAMINA_NULLABLE lamina_instance_context(const lamina_slot *slot) {
    return slot->column->instances[slot->level].context;
}

/// What the framework offers a provider (WSPUPCALLTABLE). Callable on any thread; none blocks unless it says so.
typedef struct lamina_watch lamina_watch;
/// A thread of a provider's own that is attached (WSATHREADID).
typedef struct lamina_worker lamina_worker;

/// Called on the thread of the socket's engine with the `EPOLL…` events that came; the watch is disarmed until `rearm`,
/// unless it tells edges.
typedef void (*lamina_watch_function)(lamina_watch *watch, uint32_t events);

/// A descriptor that the engine watches, in the provider's own memory, e.g. embedded in its socket state.
struct lamina_watch {
    uint32_t size;
    int32_t descriptor;
    lamina_watch_function function;
    void *LAMINA_NULLABLE context;
    /// The framework's.
    void *LAMINA_NULLABLE framework[4];
};

/// What a provider says when an accepted socket's levels have been asked; `status` < 0: refused, and already closed.
typedef void (*lamina_accepted_function)(
    lamina_slot *listener, lamina_slot *accepted, lamina_status status, void *LAMINA_NULLABLE context);

enum { LAMINA_LOG_ERROR = 0, LAMINA_LOG_WARNING = 1, LAMINA_LOG_NOTICE = 2, LAMINA_LOG_DEBUG = 3 };

typedef struct lamina_upcalls {
    uint32_t size;
    uint32_t version;

    /// Ends an operation whose `status` and `bytes` are set: runs the frames from the innermost up, and answers what
    /// the call in progress must return: the final status, or LAMINA_PENDING where a frame kept the request, or the
    /// completion was left to the engine because completions are nested 8 deep or earlier ones of this socket wait
    /// there. Afterwards the request is no longer the caller's. Use `lamina_complete`.
    lamina_status (*complete)(lamina_slot *slot, lamina_request *request);

    /// Makes `slot`'s level the holder: the request is marked as pended, its deadline is watched, and from now on a
    /// cancel calls `cancel`. -ECANCELED or -ETIMEDOUT: it is too late, complete it with that; -EAGAIN: the caller
    /// only tries, complete it with that. Call it before the request can be seen by another thread, or under the lock
    /// that `cancel` takes.
    lamina_status (*hold)(lamina_slot *slot, lamina_request *request, lamina_cancel_function cancel);

    /// Cancels a request (IoCancelIrp). Legal until its top frame is entered. 1: it was taken from its holder and
    /// has completed or will; 0: it will complete by itself. Completion comes in both cases.
    int32_t (*cancel)(lamina_request *request);

    /// Makes room for one more frame. -ENOMEM: complete the request with it.
    lamina_status (*grow)(lamina_request *request);

    /// Marks a request as pended before a frame keeps it or another thread gets it.
    void (*mark_pending)(lamina_slot *slot, lamina_request *request);

    /// For a base with a new connection: makes its column on the listener's chain. The base sets the slot's context,
    /// then calls `accept_ready`. -ENOMEM if there is none.
    lamina_status (*accept_column)(
        lamina_slot *listener, int32_t family, int32_t type, int32_t protocol, lamina_slot *LAMINA_NULLABLE *LAMINA_NONNULL base);

    /// Asks the levels above, bottom-up, to open their parts of the accepted socket, then calls `done`, here or
    /// later. A refused socket is closed by the framework first.
    void (*accept_ready)(lamina_slot *listener, lamina_slot *base, const lamina_address *LAMINA_NULLABLE remote,
        lamina_accepted_function done, void *LAMINA_NULLABLE context);

    /// For a base whose accept indication was answered with an error: closes the accepted socket, named by its slot 0
    /// and generation. Returns at once.
    void (*refuse_accepted)(lamina_slot *listener, lamina_slot *accepted, uint64_t accepted_generation);

    /// For a terminating level: opens a column of the rest of the chain, whose slot 0 is this level's, with `context`
    /// and `indications`. `*lower` is set at once; the open itself ends with `request`. A column whose open failed is
    /// gone. -ENODEV: no level stands below.
    lamina_status (*open_below)(lamina_slot *slot, const lamina_open_arguments *open_arguments,
        const lamina_indications *LAMINA_NULLABLE indications, void *LAMINA_NULLABLE context,
        lamina_slot *LAMINA_NULLABLE *LAMINA_NONNULL lower, lamina_request *request);

    /// Closes a column that `open_below` made. Ends with `request`; the slot is not to be used again.
    lamina_status (*close_below)(lamina_slot *lower, lamina_request *request);

    /// Watches a descriptor for `EPOLL…` events, once; after it has fired, and to change the events, `rearm`. With
    /// EPOLLET among the events it stays armed, and each change is told once: what is ready already, when the watch
    /// begins and at each `rearm`, and what becomes ready later. Whoever doesn't read until EAGAIN must remember that
    /// there is more.
    lamina_status (*watch)(lamina_slot *slot, lamina_watch *watch, uint32_t events);
    lamina_status (*rearm)(lamina_slot *slot, lamina_watch *watch, uint32_t events);

    /// Stops watching. When it returns, the function neither runs nor will run, unless it is the caller. Waits for a
    /// function that runs on another thread: call it without a lock that the function takes.
    void (*unwatch)(lamina_slot *slot, lamina_watch *watch);

    /// Runs `function` soon on the thread of the socket's engine, the one where its completions and indications run, in
    /// the order of the posts. -ENOMEM if it can't.
    lamina_status (*post)(lamina_slot *slot, void (*function)(void *LAMINA_NULLABLE context),
        void *LAMINA_NULLABLE context);

    /// Runs `function` on the engine once CLOCK_MONOTONIC reaches `when` nanoseconds.
    lamina_status (*post_at)(lamina_slot *slot, int64_t when, void (*function)(void *LAMINA_NULLABLE context),
        void *LAMINA_NULLABLE context);

    /// Writes one line for people; the framework puts `lamina:` and the level's label before it.
    void (*log)(lamina_slot *LAMINA_NULLABLE slot, uint32_t level, const char *text, size_t length);

    /// Writes whole lines of a level's own output, where its user asked for them: standard error or a file.
    void (*output)(lamina_slot *LAMINA_NULLABLE slot, const char *text, size_t length);

    /// The level's label, which lives as long as the chain.
    const char *LAMINA_NONNULL (*LAMINA_NONNULL label)(const lamina_slot *slot);

    /// Makes two connected descriptors of `type` (`SOCK_STREAM`, `SOCK_DGRAM`, `SOCK_SEQPACKET`), close-on-exec and
    /// non-blocking, and binds the first to the slot with `context` (WPUCreateSocketHandle): `ends[0]` is for whoever uses
    /// the socket by a descriptor, `ends[1]` is the provider's. A negative errno, and nothing is left.
    lamina_status (*create_descriptor)(lamina_slot *slot, int32_t type, void *LAMINA_NULLABLE context,
        int32_t *LAMINA_NONNULL ends);

    /// Binds a descriptor that there is to the slot (WPUModifyIFSHandle): a socket by its SO_COOKIE, another one by
    /// device and inode. Its number never changes. Bound already: it is this slot's now. It ends with the socket, or by
    /// `close_descriptor`.
    lamina_status (*claim_descriptor)(lamina_slot *slot, int32_t descriptor, void *LAMINA_NULLABLE context);

    /// What a descriptor is bound to (WPUQuerySocketHandleContext), whatever its number: a duplicate, or one that was
    /// passed around, is found too. `*slot` belongs to the socket whose generation is `*generation`. -ENOENT: to nothing, or
    /// its socket is closed.
    lamina_status (*descriptor_context)(int32_t descriptor, lamina_slot *LAMINA_NULLABLE *LAMINA_NONNULL slot,
        uint64_t *LAMINA_NONNULL generation, void *LAMINA_NULLABLE *LAMINA_NONNULL context);

    /// Ends a binding, and closes the descriptor (WPUCloseSocketHandle). -ENOENT: it had none; it is closed all the same.
    lamina_status (*close_descriptor)(int32_t descriptor);

    /// An event object, unset: a descriptor that is readable while it is set (WPUCreateEvent). A negative errno if there is
    /// none.
    int32_t (*create_event)(void);
    /// Sets it, unsets it, ends it (WPUSetEvent, WPUResetEvent, WPUCloseEvent).
    lamina_status (*set_event)(int32_t event);
    lamina_status (*reset_event)(int32_t event);
    lamina_status (*close_event)(int32_t event);

    /// Makes the calling thread, one of the provider's own, count as the framework's until `detach_thread`
    /// (WPUOpenCurrentThread): calls on it that would wait fail with -EDEADLK, as on an engine's thread. Null: no memory.
    lamina_worker *LAMINA_NULLABLE (*LAMINA_NONNULL attach_thread)(void);

    /// Ends that, on the same thread (WPUCloseThread): what is still queued runs here first.
    void (*detach_thread)(lamina_worker *worker);

    /// Runs `function` on an attached thread, in its next `wait_for_work`, in the order of the calls (WPUQueueApc). From any
    /// thread, while the worker is attached. -ENOMEM if it can't.
    lamina_status (*queue_work)(lamina_worker *worker, void (*function)(void *LAMINA_NULLABLE context),
        void *LAMINA_NULLABLE context);

    /// Waits on the attached thread until work was queued, and runs it (an alertable wait). Answers how much it ran; 0: the
    /// deadline, in nanoseconds of CLOCK_MONOTONIC, 0 for none, has passed. In a child process, which has none of its
    /// parent's threads, nothing is queued any more. Blocks.
    int32_t (*wait_for_work)(lamina_worker *worker, int64_t deadline);
} lamina_upcalls;

/// Ends an operation: `return lamina_complete(slot, request, status, bytes);`. Inline completion without a frame
/// costs two stores.
LAMINA_INLINE lamina_status lamina_complete(
    lamina_slot *slot, lamina_request *request, lamina_status status, uint64_t bytes) {
    request->status = status;
    request->bytes = bytes;
    const uint32_t state = __atomic_load_n(&request->state, __ATOMIC_RELAXED);
    if (LAMINA_LIKELY(request->frame_count == 0 && status >= 0 && state == 0)) {
        return status;
    }
    return slot->column->upcalls->complete(slot, request);
}

/// `lamina_push` where the request's own frames are taken.
LAMINA_OUT_OF_LINE LAMINA_KEEPS_REGISTERS lamina_frame *LAMINA_NULLABLE lamina_push_spilled(
    lamina_slot *slot, lamina_request *request) {
    if (request->frame_count >= request->frame_capacity && slot->column->upcalls->grow(request) < 0) {
        return 0;
    }
    return &request->spill[request->frame_count - LAMINA_INLINE_FRAMES];
}

/// Puts this level's frame on the request, so that `function` runs when the operation below has ended, also when it
/// ends inside the call. A level has at most one frame on a request. Null: -ENOMEM, complete the request with that.
LAMINA_INLINE lamina_frame *LAMINA_NULLABLE lamina_push(
    lamina_slot *slot, lamina_request *request, lamina_completion function, void *LAMINA_NULLABLE context) {
    const uint32_t index = request->frame_count;
    lamina_frame *frame = &request->frames[index];
    if (!LAMINA_LIKELY(index < LAMINA_INLINE_FRAMES)) {
        frame = lamina_push_spilled(slot, request);
        if (!frame) {
            return 0;
        }
    }
    request->frame_count = (uint16_t)(index + 1);
    frame->function = function;
    frame->slot = slot;
    frame->context = context;
    return frame;
}

LAMINA_NONNULL_END

// The callers, one an entry. A level passes its own slot, and after the call no longer touches the request.

#define LAMINA_DIRECT_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                   \
    LAMINA_INLINE lamina_status lamina_##entry parameters {                                                            \
        const lamina_direct_link link = slot->entry;                                                                   \
        slot = link.slot;                                                                                              \
        return ((lamina_##entry##_function)link.function)arguments;                                                    \
    }
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                          \
    LAMINA_INLINE lamina_status lamina_##entry parameters {                                                            \
        const lamina_link *link = &slot->down->links[LAMINA_ENTRY_##NAME];                                             \
        slot = (lamina_slot *)((char *)slot + link->distance);                                                         \
        return ((lamina_##entry##_function)link->function)arguments;                                                   \
    }
#include "lamina_entries.def"

#define LAMINA_INDICATION(entry, NAME, classes, categories)                                                            \
    /** Indicates `entry` to the next level up that wants it. */                                                       \
    LAMINA_INLINE lamina_status lamina_indicate_##entry(lamina_slot *slot, lamina_##entry##_event *event) {            \
        const lamina_link *link = &slot->up->links[LAMINA_INDICATION_##NAME];                                          \
        slot = (lamina_slot *)((char *)slot + link->distance);                                                         \
        return ((lamina_##entry##_indication)link->function)(slot, event);                                             \
    }
#include "lamina_indications.def"

LAMINA_C_END

#endif
