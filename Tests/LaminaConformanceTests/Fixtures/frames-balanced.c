// Puts two frames on a send.
#include "broken.h"

static lamina_status nothing(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request, (void)context;
    return 0;
}

static lamina_status send_framed(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!lamina_push(slot, request, nothing, 0) || !lamina_push(slot, request, nothing, 0)) {
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return lamina_send(slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .send = send_framed};

BROKEN("frames-balanced", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
