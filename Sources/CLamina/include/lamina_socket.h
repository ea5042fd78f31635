/// The top edge of a chain: a handle that stays safe after close, and the calls on it. The application is just the
/// topmost layer; what is added here is the mark that lets close wait for calls that are inside the socket.
#ifndef LAMINA_SOCKET_H
#define LAMINA_SOCKET_H

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
    uint32_t depth;
    /// Nested inline completions.
    uint32_t completions;
    uint32_t registered;
    /// Set on a thread that runs an engine: a wait on it would never end.
    uint32_t engine;
    lamina_slot *LAMINA_NULLABLE marks[LAMINA_MARKS];
} lamina_thread;

/// This thread's marks.
extern __thread __attribute__((tls_model("initial-exec"))) lamina_thread lamina_self;

/// Makes this thread known to close. Called once a thread, by `lamina_enter`. -ENOMEM or -ELOOP: no mark was made.
extern int32_t (*LAMINA_NULLABLE lamina_enter_slowly)(lamina_thread *thread);

/// Marks this thread as inside the socket; false if the handle is stale.
LAMINA_INLINE int lamina_enter(lamina_socket socket) {
    lamina_thread *thread = &lamina_self;
    if (!LAMINA_LIKELY(thread->registered && thread->depth < LAMINA_MARKS)) {
        if (!lamina_enter_slowly || lamina_enter_slowly(thread) < 0) {
            return 0;
        }
    }
    __atomic_store_n(&thread->marks[thread->depth], socket.slot, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->depth += 1;
    const lamina_column *column = (const lamina_column *)(const void *)socket.slot - 1;
    if (LAMINA_LIKELY(__atomic_load_n(&column->generation, __ATOMIC_ACQUIRE) == socket.generation)) {
        return 1;
    }
    thread->depth -= 1;
    __atomic_store_n(&thread->marks[thread->depth], (lamina_slot *)0, __ATOMIC_RELEASE);
    return 0;
}

/// Takes the mark back.
LAMINA_INLINE void lamina_leave(void) {
    lamina_thread *thread = &lamina_self;
    thread->depth -= 1;
    __atomic_store_n(&thread->marks[thread->depth], (lamina_slot *)0, __ATOMIC_RELEASE);
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
// socket.

#define LAMINA_PARAMETERS_OF(...) LAMINA_PARAMETERS_WITHOUT_SLOT(__VA_ARGS__)
#define LAMINA_PARAMETERS_WITHOUT_SLOT(slot, ...) lamina_socket socket, __VA_ARGS__
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                          \
    LAMINA_INLINE lamina_status lamina_socket_##entry(LAMINA_PARAMETERS_OF parameters) {                               \
        if (!LAMINA_LIKELY(lamina_enter(socket))) {                                                                    \
            return lamina_refuse(request, -EBADF);                                                                     \
        }                                                                                                              \
        lamina_slot *slot = socket.slot;                                                                               \
        const lamina_status status = lamina_##entry arguments;                                                         \
        lamina_leave();                                                                                                \
        return status;                                                                                                 \
    }
#define LAMINA_CHAIN_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)
#define LAMINA_LIFETIME_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)
#include "lamina_entries.def"

LAMINA_C_END

#endif
