// Says of every send that it pends, unless its caller only tries.
#include "broken.h"

static lamina_status send_pending(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (request->flags & LAMINA_REQUEST_TRY) return BELOW(send, slot, buffers, count, flags, request);
    (void)BELOW(send, slot, buffers, count, flags, request);
    return LAMINA_PENDING;
}

static const lamina_table table = {TABLE, .send = send_pending};

BROKEN("pending-is-marked", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
