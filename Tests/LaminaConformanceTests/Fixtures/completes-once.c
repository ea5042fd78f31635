// Completes a send that ended inside the call a second time.
#include "broken.h"

static lamina_status send_twice(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    const lamina_status status = BELOW(send, slot, buffers, count, flags, request);
    return status == 0 ? lamina_complete(slot, request, status, 0) : status;
}

static const lamina_table table = {TABLE, .send = send_twice};

BROKEN("completes-once", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
