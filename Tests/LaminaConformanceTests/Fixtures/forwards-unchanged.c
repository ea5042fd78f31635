// Forgets that a send should not be delayed.
#include "broken.h"

static lamina_status send_plain(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_send(slot, buffers, count, flags & ~(uint32_t)LAMINA_SEND_NO_DELAY, request);
}

static const lamina_table table = {TABLE, .send = send_plain};

BROKEN("forwards-unchanged", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
