/// The top edge of a chain: a handle that stays safe after close, and the calls on it. The application is just the
/// topmost layer; what is added here is the mark that lets close wait for calls that are inside the socket.
#ifndef LAMINA_SOCKET_H
#define LAMINA_SOCKET_H

#include "lamina_control.h"
#include "lamina_table.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// A socket as a program holds it. A handle whose socket has been closed is refused with -EBADF, also after its
/// column has become another socket.
typedef struct lamina_socket {
    lamina_slot *slot;
    uint64_t generation;
} lamina_socket;

#define LAMINA_MARKS 24

/// What one thread is inside of. Written by its own thread with plain stores; read by a close on another one.
typedef struct lamina_thread {
    /// The socket that it is inside of, null for none. Until close knows the thread, `LAMINA_UNKNOWN_THREAD`.
    lamina_slot *LAMINA_NULLABLE mark;
    /// How many of `nested` are taken.
    uint32_t depth;
    /// Nested inline completions.
    uint32_t completions;
    /// Set on a thread that runs an engine: a wait on it would never end.
    uint32_t engine;
    uint32_t reserved;
    /// Sockets that it entered while it was inside `mark`.
    lamina_slot *LAMINA_NULLABLE nested[LAMINA_MARKS];
} lamina_thread;

/// No slot: the mark of a thread that has entered no socket yet.
#define LAMINA_UNKNOWN_THREAD ((lamina_slot *)1)

/// This thread's marks.
extern __thread __attribute__((tls_model("initial-exec"))) lamina_thread lamina_self;

/// Makes this thread known to close. Called once a thread, by `lamina_enter`. -ENOMEM: no mark was made.
extern int32_t (*LAMINA_NULLABLE lamina_enter_slowly)(lamina_thread *thread);

/// Whether the handle is still the socket's. Asked after the mark was made: a close that this thread doesn't see yet
/// sees the mark.
LAMINA_INLINE int lamina_is_current(lamina_socket socket) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    const lamina_column *column = (const lamina_column *)(const void *)socket.slot - 1;
    return __atomic_load_n(&column->generation, __ATOMIC_ACQUIRE) == socket.generation;
}

/// The handle of the socket that a slot belongs to, whose column nobody has given back.
LAMINA_INLINE lamina_socket lamina_socket_of(const lamina_slot *slot) {
    lamina_column *column = slot->column;
    lamina_socket socket;
    socket.slot = (lamina_slot *)(void *)(column + 1);
    // A stale handle's close may compare it at this moment.
    socket.generation = __atomic_load_n(&column->generation, __ATOMIC_ACQUIRE);
    return socket;
}

/// Marks this thread as inside the socket; false, and no mark, where the thread is inside of one already, isn't known
/// yet, or the handle is stale.
LAMINA_INLINE int lamina_enter_first(lamina_socket socket) {
    lamina_thread *thread = &lamina_self;
    if (!LAMINA_LIKELY(!__atomic_load_n(&thread->mark, __ATOMIC_RELAXED))) {
        return 0;
    }
    __atomic_store_n(&thread->mark, socket.slot, __ATOMIC_RELAXED);
    if (LAMINA_LIKELY(lamina_is_current(socket))) {
        return 1;
    }
    __atomic_store_n(&thread->mark, (lamina_slot *)0, __ATOMIC_RELEASE);
    return 0;
}

/// Takes back the mark of `lamina_enter_first`.
LAMINA_INLINE void lamina_leave_first(void) {
    __atomic_store_n(&lamina_self.mark, (lamina_slot *)0, __ATOMIC_RELEASE);
}

/// Takes back the mark of `lamina_enter`.
LAMINA_INLINE void lamina_leave(void) {
    lamina_thread *thread = &lamina_self;
    if (!thread->depth) {
        lamina_leave_first();
        return;
    }
    __atomic_store_n(&thread->nested[thread->depth - 1], (lamina_slot *)0, __ATOMIC_RELEASE);
    thread->depth -= 1;
}

/// Marks this thread as inside the socket, also where it is inside of one already; false if the handle is stale, or
/// sockets are nested too deep.
LAMINA_INLINE int lamina_enter(lamina_socket socket) {
    lamina_thread *thread = &lamina_self;
    if (thread->mark == LAMINA_UNKNOWN_THREAD && (!lamina_enter_slowly || lamina_enter_slowly(thread) < 0)) {
        return 0;
    }
    if (!thread->mark) {
        return lamina_enter_first(socket);
    }
    if (thread->depth == LAMINA_MARKS) {
        return 0;
    }
    thread->depth += 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->nested[thread->depth - 1], socket.slot, __ATOMIC_RELAXED);
    if (lamina_is_current(socket)) {
        return 1;
    }
    lamina_leave();
    return 0;
}

/// Completes a request that no level will see.
LAMINA_INLINE lamina_status lamina_refuse(lamina_request *request, lamina_status status) {
    request->status = status;
    request->bytes = 0;
    if (request->frame_count) {
        lamina_frame *frame = lamina_request_frame(request, 0);
        request->frame_count = 0;
        (void)frame->function(frame->slot, request, frame->context);
    }
    return status;
}

LAMINA_NONNULL_END

// `lamina_socket_NAME(socket, …, request)` for each entry that a program calls: the entry's caller with slot 0 of the
// socket. What is seldom needed stands in a function of its own: a call from inside a call, a thread's first call, a
// stale handle.

#define LAMINA_PARAMETERS_OF(...) LAMINA_PARAMETERS_WITHOUT_SLOT(__VA_ARGS__)
#define LAMINA_PARAMETERS_WITHOUT_SLOT(slot, ...) lamina_socket socket, __VA_ARGS__
#define LAMINA_ARGUMENTS_OF(...) LAMINA_ARGUMENTS_WITHOUT_SLOT(__VA_ARGS__)
#define LAMINA_ARGUMENTS_WITHOUT_SLOT(slot, ...) socket, __VA_ARGS__
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    LAMINA_OUT_OF_LINE lamina_status lamina_socket_##entry##_again(LAMINA_PARAMETERS_OF parameters) {                  \
        if (!lamina_enter(socket)) {                                                                                   \
            return lamina_refuse(request, -EBADF);                                                                     \
        }                                                                                                              \
        lamina_slot *slot = socket.slot;                                                                               \
        const lamina_status status = lamina_##entry arguments;                                                         \
        lamina_leave();                                                                                                \
        return status;                                                                                                 \
    }                                                                                                                  \
    LAMINA_INLINE lamina_status lamina_socket_##entry(LAMINA_PARAMETERS_OF parameters) {                               \
        if (!LAMINA_LIKELY(lamina_enter_first(socket))) {                                                              \
            return lamina_socket_##entry##_again(LAMINA_ARGUMENTS_OF arguments);                                       \
        }                                                                                                              \
        lamina_slot *slot = socket.slot;                                                                               \
        const lamina_status status = lamina_##entry arguments;                                                         \
        lamina_leave_first();                                                                                          \
        return status;                                                                                                 \
    }
#define LAMINA_CHAIN_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)
#define LAMINA_LIFETIME_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)
#include "lamina_entries.def"

LAMINA_C_END

#endif
