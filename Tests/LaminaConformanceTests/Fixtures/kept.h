/// A layer that keeps each receive and makes one of its own below. `IGNORED` is the status that it doesn't complete a
/// cancelled request with.
#ifndef KEPT_H
#define KEPT_H

#include "broken.h"

typedef struct kept {
    lamina_slot *slot;
    lamina_request *outer;
    lamina_request inner;
} kept;

static lamina_status done(lamina_slot *slot, lamina_request *inner, void *context) {
    kept *kept = context;
    lamina_request *outer = kept->outer;
    lamina_slot *own = kept->slot;
    lamina_status status = inner->status;
    const uint64_t bytes = inner->bytes;
    (void)slot;
    // Where a cancel took the request, it was left for the end below to complete.
    if (!lamina_request_claim(outer) && status < 0) status = lamina_cancel_status(outer);
    free(kept);
    (void)lamina_complete(own, outer, status, bytes);
    return 0;
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    kept *kept = request->owner[0];
    if (lamina_cancel_status(request) != IGNORED) (void)upcalls_of(slot)->cancel(&kept->inner);
}

static lamina_status receive_kept(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (request->flags & LAMINA_REQUEST_TRY) return BELOW(receive, slot, buffers, count, flags, request);
    kept *kept = malloc(sizeof *kept);
    if (!kept) return lamina_complete(slot, request, -ENOMEM, 0);
    kept->slot = slot;
    kept->outer = request;
    lamina_request_prepare(&kept->inner, done, kept);
    request->owner[0] = kept;
    const lamina_status status = upcalls_of(slot)->hold(slot, request, cancel);
    if (status < 0) {
        free(kept);
        return lamina_complete(slot, request, status, 0);
    }
    (void)BELOW(receive, slot, buffers, count, flags, &kept->inner);
    return LAMINA_PENDING;
}

static const lamina_table table = {TABLE, .receive = receive_kept};

#endif
