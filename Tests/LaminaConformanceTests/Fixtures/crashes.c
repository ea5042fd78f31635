// Follows a null pointer in every send, and never returns from a disconnect.
#include "broken.h"

#include <unistd.h>

static lamina_status send_nowhere(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    (void)buffers, (void)count, (void)flags, (void)request;
    return *(volatile lamina_status *)slot->context;
}

static lamina_status disconnect(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    (void)slot, (void)buffers, (void)count, (void)flags, (void)request;
    for (;;) pause();
    return 0;
}

static const lamina_table table = {TABLE, .send = send_nowhere, .disconnect = disconnect};

BROKEN("crashes", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
