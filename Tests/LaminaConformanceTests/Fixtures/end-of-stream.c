// Makes an error of a stream's end.
#include "broken.h"

static lamina_status reset(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)context;
    if (request->status == 0 && request->bytes == 0) request->status = -ECONNRESET;
    return 0;
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!lamina_push(slot, request, reset, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(receive, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .receive = receive};

BROKEN("end-of-stream", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
