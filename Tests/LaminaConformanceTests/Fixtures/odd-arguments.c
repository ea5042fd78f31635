// Looks at the first byte of every send, also where there is none.
#include "broken.h"

static lamina_status send_seen(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    (void)*(volatile const char *)buffers[0].base;
    return BELOW(send, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .send = send_seen};

BROKEN("odd-arguments", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
