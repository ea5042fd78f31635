/// A request: one operation on its way down, and the frames that its completion runs on the way back up (IRP).
#ifndef LAMINA_REQUEST_H
#define LAMINA_REQUEST_H

#include "lamina_types.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

typedef struct lamina_slot lamina_slot;
typedef struct lamina_request lamina_request;

/// Runs once when the operation below has ended. It may change `request->status` and `bytes`, and returns 0, or
/// `LAMINA_MORE_PROCESSING` to keep the request. Called on any thread, also inside the call that was made; it must
/// not block. A frame of the application (the lowest) owns the request again and may free or reuse it.
typedef lamina_status (*lamina_completion)(
    lamina_slot *LAMINA_NULLABLE slot, lamina_request *request, void *LAMINA_NULLABLE context);

/// Called at most once, by whoever cancels a held request, on any thread: takes the request out of the holder's
/// queue and completes it with `lamina_cancel_status(request)`.
typedef void (*lamina_cancel_function)(lamina_slot *slot, lamina_request *request);

/// Called by a waiting thread when the descriptor that it polls is ready: tries what is queued once more.
typedef void (*lamina_drive_function)(lamina_slot *slot);

/// One level's part in a request (IO_STACK_LOCATION).
typedef struct lamina_frame {
    lamina_completion function;
    lamina_slot *LAMINA_NULLABLE slot;
    void *LAMINA_NULLABLE context;
    /// The level's own, e.g. a start time.
    uint64_t scratch;
} lamina_frame;

/// Frames that every request has room for; a deeper chain takes a spill block from the framework.
#define LAMINA_INLINE_FRAMES 8

enum {
    /// Set by the caller: if the operation can't end at once, -EAGAIN and no effect.
    LAMINA_REQUEST_TRY = 1,
    /// Set by the caller: a thread waits for it, so the base doesn't arm the engine but fills `wait`.
    LAMINA_REQUEST_WAITED = 2,
    /// Set by the framework exactly when the call returned `LAMINA_PENDING` (PendingReturned).
    LAMINA_REQUEST_PENDED = 4,
};

/// Bits of `state`, changed by atomic operations only.
enum {
    LAMINA_STATE_CANCELLED = 1,
    LAMINA_STATE_EXPIRED = 2,
    /// A level holds it and has registered a cancel function.
    LAMINA_STATE_HELD = 4,
    /// The framework counts it among its socket's pending requests.
    LAMINA_STATE_COUNTED = 8,
    /// The framework's timer knows its deadline.
    LAMINA_STATE_TIMED = 16,
};

/// One operation. A caller embeds it or puts it on its stack, calls `lamina_request_prepare`, and owns it again when
/// its own completion frame runs, or, for a request without one, when the call returns something other than
/// `LAMINA_PENDING`. Every accepted request completes exactly once, whatever the call returned.
struct lamina_request {
    /// sizeof(lamina_request) of whoever prepared it.
    uint32_t size;
    /// `LAMINA_REQUEST_…`.
    uint32_t flags;
    /// 0 or a negative `errno`, valid from completion on.
    lamina_status status;
    /// `LAMINA_STATE_…`.
    uint32_t state;
    /// Bytes moved, valid from completion on; also with an error (e.g. a wait-all that was cancelled).
    uint64_t bytes;
    /// When to give up, in nanoseconds of CLOCK_MONOTONIC; 0 for never. Read only when something pends.
    int64_t deadline;
    uint16_t frame_count;
    uint16_t frame_capacity;
    uint32_t reserved0;
    lamina_frame *LAMINA_NULLABLE spill;
    /// The label of the level that failed, or null. It lives as long as the chain.
    const char *LAMINA_NULLABLE failed_level;
    /// accept: slot 0 of the new socket and its generation.
    lamina_slot *LAMINA_NULLABLE socket;
    uint64_t socket_generation;
    lamina_cancel_function LAMINA_NULLABLE cancel;
    lamina_slot *LAMINA_NULLABLE holder;
    /// For whoever holds the request (DriverContext).
    void *LAMINA_NULLABLE owner[4];
    struct {
        /// What a waiting thread polls, -1 for nothing.
        int32_t descriptor;
        /// `POLLIN`, `POLLOUT`.
        uint32_t events;
        lamina_drive_function LAMINA_NULLABLE drive;
        lamina_slot *LAMINA_NULLABLE slot;
    } wait;
    /// The framework's.
    void *LAMINA_NULLABLE framework[4];
    uint64_t reserved[2];
    lamina_frame frames[LAMINA_INLINE_FRAMES];
};

/// Prepares `request` for one operation (IoInitializeIrp, IoReuseIrp), with the routine that runs when it has
/// completed (IoSetCompletionRoutine), or null for a caller that tries or waits. Writes the request's head only.
LAMINA_INLINE void lamina_request_prepare(
    lamina_request *request, lamina_completion LAMINA_NULLABLE completion, void *LAMINA_NULLABLE context) {
    memset(request, 0, offsetof(lamina_request, frames));
    request->size = (uint32_t)sizeof(lamina_request);
    request->frame_capacity = LAMINA_INLINE_FRAMES;
    request->wait.descriptor = -1;
    if (completion) {
        request->frames[0].function = completion;
        request->frames[0].slot = 0;
        request->frames[0].context = context;
        request->frame_count = 1;
    }
}

/// The frame at `index`, 0 being the application's.
LAMINA_INLINE lamina_frame *lamina_request_frame(lamina_request *request, uint32_t index) {
    return LAMINA_LIKELY(index < LAMINA_INLINE_FRAMES) ? &request->frames[index]
                                                       : &request->spill[index - LAMINA_INLINE_FRAMES];
}

/// Takes a held request for its holder, to complete or to forward it. False: a cancel has it, leave it alone.
LAMINA_INLINE int lamina_request_claim(lamina_request *request) {
    return (__atomic_fetch_and(&request->state, ~(uint32_t)LAMINA_STATE_HELD, __ATOMIC_ACQ_REL) & LAMINA_STATE_HELD)
        != 0;
}

/// True once somebody cancelled the request or its deadline has passed.
LAMINA_INLINE int lamina_request_is_cancelled(const lamina_request *request) {
    return (__atomic_load_n(&request->state, __ATOMIC_ACQUIRE) & (LAMINA_STATE_CANCELLED | LAMINA_STATE_EXPIRED)) != 0;
}

/// What a cancelled request completes with: -ETIMEDOUT if its deadline passed, else -ECANCELED.
LAMINA_INLINE lamina_status lamina_cancel_status(const lamina_request *request) {
    return __atomic_load_n(&request->state, __ATOMIC_ACQUIRE) & LAMINA_STATE_EXPIRED ? -ETIMEDOUT : -ECANCELED;
}

LAMINA_NONNULL_END
LAMINA_C_END

#endif
