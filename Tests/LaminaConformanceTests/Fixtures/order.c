// Lets every second completion of a send wait for the engine, and the next one pass it.
#include "broken.h"

typedef struct waiting {
    lamina_slot *slot;
    lamina_request *request;
} waiting;

static void give_back(void *context) {
    const waiting wait = *(waiting *)context;
    free(context);
    (void)lamina_complete(wait.slot, wait.request, wait.request->status, wait.request->bytes);
}

static lamina_status delay(lamina_slot *slot, lamina_request *request, void *context) {
    static uint32_t sends;
    (void)context;
    if (__atomic_add_fetch(&sends, 1, __ATOMIC_RELAXED) % 2 == 0) return 0;
    waiting *wait = malloc(sizeof *wait);
    if (!wait) return 0;
    *wait = (waiting){slot, request};
    upcalls_of(slot)->mark_pending(slot, request);
    if (upcalls_of(slot)->post(slot, give_back, wait) < 0) give_back(wait);
    return LAMINA_MORE_PROCESSING;
}

static lamina_status send_delayed(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (request->flags & LAMINA_REQUEST_TRY) return BELOW(send, slot, buffers, count, flags, request);
    if (!lamina_push(slot, request, delay, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(send, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .send = send_delayed};

BROKEN("order", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
