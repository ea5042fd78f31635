// Calls that are made later. Those of one socket and direction form a lane, which keeps their order: a call that is
// forwarded while one before it waits becomes a member of the lane too, ready to go on when it is its turn.
#include "generic.h"

#include <stdlib.h>

struct lamina_delayed {
    lamina_generic *generic;
    const function *function;
    lamina_slot *slot;
    /// Null once somebody has taken it.
    lamina_request *request;
    kept *kept;
    passage passage;
    lane *lane;
    lamina_delayed *next;
    lamina_delayed *previous;
    /// The lane and the handler.
    uint32_t references;
    uint32_t is_ready;
};

struct lane {
    lane *next;
    const lamina_slot *slot;
    lamina_delayed *first;
    lamina_delayed *last;
    uint32_t kind;
    /// One of its calls is being made, on some thread.
    uint32_t is_issuing;
};

/// A close that waits until no call of its socket is on its way down.
struct closing {
    closing *next;
    const function *function;
    lamina_slot *slot;
    lamina_request *request;
    passage passage;
};

static lane **bucket(lamina_generic *generic, const lamina_slot *slot) {
    return &generic->lanes[((uintptr_t)slot / sizeof *slot) % BUCKETS];
}

static lane *find(lamina_generic *generic, const lamina_slot *slot, uint32_t kind) {
    for (lane *lane = *bucket(generic, slot); lane; lane = lane->next) {
        if (lane->slot == slot && lane->kind == kind) return lane;
    }
    return 0;
}

static lane *find_or_make(lamina_generic *generic, const lamina_slot *slot, uint32_t kind) {
    lane *known = find(generic, slot, kind);
    if (known) return known;
    lane *made = calloc(1, sizeof *made);
    if (!made) return 0;
    made->slot = slot;
    made->kind = kind;
    made->next = *bucket(generic, slot);
    *bucket(generic, slot) = made;
    __atomic_add_fetch(&generic->busy, 1, __ATOMIC_SEQ_CST);
    return made;
}

/// Frees a lane that has nothing to do any more.
static void drop_if_empty(lamina_generic *generic, lane *lane) {
    if (lane->first || lane->is_issuing) return;
    struct lane **place = bucket(generic, lane->slot);
    while (*place != lane) place = &(*place)->next;
    *place = lane->next;
    free(lane);
    __atomic_sub_fetch(&generic->busy, 1, __ATOMIC_SEQ_CST);
}

static void append(lane *lane, lamina_delayed *call) {
    call->lane = lane;
    call->previous = lane->last;
    *(lane->last ? &lane->last->next : &lane->first) = call;
    lane->last = call;
}

/// Takes a call out of its lane: from now on it is the caller's to end.
static lamina_request *take(lamina_delayed *call) {
    lane *lane = call->lane;
    *(call->previous ? &call->previous->next : &lane->first) = call->next;
    *(call->next ? &call->next->previous : &lane->last) = call->previous;
    lamina_request *request = call->request;
    call->request = 0;
    call->next = call->previous = 0;
    call->lane = 0;
    return request;
}

static void release(lamina_delayed *call) {
    if (__atomic_sub_fetch(&call->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    kept_free(call->kept);
    generic_release(call->generic);
    free(call);
}

int lane_is_there(lamina_generic *generic, const lamina_slot *slot, uint32_t kind) {
    pthread_mutex_lock(&generic->lock);
    const int is_there = find(generic, slot, kind) != 0;
    pthread_mutex_unlock(&generic->lock);
    return is_there;
}

/// The next call that may be made now: the first one of a lane, anyone where there is no order.
static lamina_delayed *next_ready(const lane *lane) {
    lamina_delayed *call = lane->first;
    while (lane->kind == LANE_NONE && call && !call->is_ready) call = call->next;
    return call && call->is_ready ? call : 0;
}

/// Whether a call of the socket is being made, on some thread. Under the lock.
static int is_issuing(lamina_generic *generic, const lamina_slot *slot) {
    for (uint32_t kind = LANE_NONE; kind <= LANE_IN; kind++) {
        const lane *lane = find(generic, slot, kind);
        if (lane && lane->is_issuing) return 1;
    }
    return 0;
}

/// The close of a socket that waits no longer. Under the lock.
static closing *take_closing(lamina_generic *generic, const lamina_slot *slot) {
    closing **place = &generic->closings;
    while (*place && (*place)->slot != slot) place = &(*place)->next;
    closing *found = *place;
    if (!found || is_issuing(generic, slot)) return 0;
    *place = found->next;
    return found;
}

static lamina_status pass_close(
    const function *function, lamina_slot *slot, lamina_request *request, passage passage) {
    void *arguments[] = {&slot, &request};
    return issue(function, slot, request, arguments, passage, 0);
}

/// Makes the calls whose turn it is.
static void run(lamina_generic *generic, const lamina_slot *slot, uint32_t kind) {
    generic_retain(generic);
    pthread_mutex_lock(&generic->lock);
    lane *lane = find(generic, slot, kind);
    while (lane && !lane->is_issuing) {
        lamina_delayed *call = next_ready(lane);
        // What a cancel has taken, that ends, and looks here again.
        if (!call || !lamina_request_claim(call->request)) break;
        lamina_request *request = take(call);
        kept *kept = call->kept;
        call->kept = 0;
        lane->is_issuing = 1;
        pthread_mutex_unlock(&generic->lock);
        (void)issue(call->function, call->slot, request, kept->arguments, call->passage, kept);
        release(call);
        pthread_mutex_lock(&generic->lock);
        lane->is_issuing = 0;
    }
    if (lane) drop_if_empty(generic, lane);
    closing *closing = take_closing(generic, slot);
    pthread_mutex_unlock(&generic->lock);
    if (closing) {
        (void)pass_close(closing->function, closing->slot, closing->request, closing->passage);
        free(closing);
    }
    generic_release(generic);
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    lamina_delayed *call = request->owner[0];
    lamina_generic *generic = call->generic;
    const uint32_t kind = call->function->lane;
    pthread_mutex_lock(&generic->lock);
    lane *lane = call->lane;
    (void)take(call);
    drop_if_empty(generic, lane);
    pthread_mutex_unlock(&generic->lock);
    generic_retain(generic);
    release(call);
    (void)lamina_complete(slot, request, lamina_cancel_status(request), 0);
    run(generic, slot, kind);
    generic_release(generic);
}

lamina_status delay(const function *function, lamina_slot *slot, lamina_request *request, void *const *arguments,
    passage passage, lamina_delayed **delayed) {
    lamina_generic *generic = function->generic;
    lamina_status status = -ENOMEM;
    lamina_delayed *call = calloc(1, sizeof *call);
    if (!call) return lamina_complete(slot, request, status, 0);
    call->kept = kept_make(function, slot, arguments, &status);
    if (!call->kept) {
        free(call);
        return lamina_complete(slot, request, status, 0);
    }
    call->generic = generic;
    call->function = function;
    call->slot = slot;
    call->request = request;
    call->passage = passage;
    call->references = delayed ? 2 : 1;
    call->is_ready = !delayed;
    generic_retain(generic);
    pthread_mutex_lock(&generic->lock);
    lane *lane = find_or_make(generic, slot, function->lane);
    request->owner[0] = call;
    status = lane ? slot->column->upcalls->hold(slot, request, cancel) : -ENOMEM;
    if (status == 0) {
        append(lane, call);
    } else if (lane) {
        drop_if_empty(generic, lane);
    }
    pthread_mutex_unlock(&generic->lock);
    if (status < 0) {
        call->references = 1;
        release(call);
        return lamina_complete(slot, request, status, 0);
    }
    if (delayed) {
        *delayed = call;
    } else {
        // Those before it may have gone since.
        run(generic, slot, function->lane);
    }
    return LAMINA_PENDING;
}

lamina_status lamina_delayed_forward(lamina_delayed *call) {
    lamina_generic *generic = call->generic;
    pthread_mutex_lock(&generic->lock);
    const int is_there = call->request != 0;
    call->is_ready = 1;
    pthread_mutex_unlock(&generic->lock);
    // The slot is only a key here: where the call is gone, its socket may be too.
    if (is_there) run(generic, call->slot, call->function->lane);
    release(call);
    return is_there ? 0 : -ECANCELED;
}

lamina_status lamina_delayed_complete(lamina_delayed *call, lamina_status status, uint64_t bytes) {
    lamina_generic *generic = call->generic;
    lamina_slot *slot = call->slot;
    const uint32_t kind = call->function->lane;
    pthread_mutex_lock(&generic->lock);
    lane *lane = call->lane;
    const int is_mine = call->request && lamina_request_claim(call->request);
    lamina_request *request = is_mine ? take(call) : 0;
    if (is_mine) drop_if_empty(generic, lane);
    pthread_mutex_unlock(&generic->lock);
    generic_retain(generic);
    if (is_mine) {
        // The lane's part of it.
        release(call);
        (void)lamina_complete(slot, request, status, bytes);
        run(generic, slot, kind);
    }
    release(call);
    generic_release(generic);
    return is_mine ? 0 : -ECANCELED;
}

static void cancel_delayed(lamina_generic *generic, lamina_slot *slot) {
    for (uint32_t kind = LANE_NONE; kind <= LANE_IN; kind++) {
        while (1) {
            pthread_mutex_lock(&generic->lock);
            lane *lane = find(generic, slot, kind);
            lamina_delayed *call = lane ? lane->first : 0;
            // What a cancel has taken, that ends.
            while (call && !lamina_request_claim(call->request)) call = call->next;
            lamina_request *request = call ? take(call) : 0;
            if (lane) drop_if_empty(generic, lane);
            pthread_mutex_unlock(&generic->lock);
            if (!call) break;
            release(call);
            (void)lamina_complete(slot, request, -ECANCELED, 0);
        }
    }
}

lamina_status close_delayed(
    const function *function, lamina_slot *slot, lamina_request *request, passage passage) {
    lamina_generic *generic = function->generic;
    if (!__atomic_load_n(&generic->busy, __ATOMIC_SEQ_CST)) return pass_close(function, slot, request, passage);
    cancel_delayed(generic, slot);
    closing *made = calloc(1, sizeof *made);
    pthread_mutex_lock(&generic->lock);
    // Without memory the close goes ahead: it can't be refused.
    const int waits = made && is_issuing(generic, slot);
    if (waits) {
        *made = (closing){generic->closings, function, slot, request, passage};
        generic->closings = made;
        slot->column->upcalls->mark_pending(slot, request);
    }
    pthread_mutex_unlock(&generic->lock);
    if (waits) return LAMINA_PENDING;
    free(made);
    return pass_close(function, slot, request, passage);
}
