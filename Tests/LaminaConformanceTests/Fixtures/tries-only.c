// Lets a receive that only tries pend: the engine says that there is nothing.
#include "broken.h"

typedef struct refusal {
    lamina_slot *slot;
    lamina_request *request;
} refusal;

static void refuse(void *context) {
    const refusal late = *(refusal *)context;
    free(context);
    (void)lamina_complete(late.slot, late.request, -EAGAIN, 0);
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    // A caller without a frame waits in another way.
    if (!(request->flags & LAMINA_REQUEST_TRY) || !request->frame_count) {
        return BELOW(receive, slot, buffers, count, flags, request);
    }
    refusal *late = malloc(sizeof *late);
    if (!late) return lamina_complete(slot, request, -ENOMEM, 0);
    *late = (refusal){slot, request};
    upcalls_of(slot)->mark_pending(slot, request);
    if (upcalls_of(slot)->post(slot, refuse, late) < 0) refuse(late);
    return LAMINA_PENDING;
}

static const lamina_table table = {TABLE, .receive = receive};

BROKEN("tries-only", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
