// Says of indicated data of which a client took a part that all were taken.
#include "broken.h"

static lamina_status indicate_whole(lamina_slot *slot, lamina_receive_event *event) {
    const lamina_status status = ABOVE(receive, RECEIVE, slot, event);
    if (status == 0) event->bytes_accepted = event->bytes_indicated;
    return status;
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return BELOW(receive, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .receive = receive};
static const lamina_indications indications = {
    .size = sizeof indications, .version = LAMINA_ABI_VERSION, .receive = indicate_whole};

BROKEN("indicated-data", LAMINA_EFFECT_OBSERVE, LAMINA_LISTEN | LAMINA_CONNECTION, &table, &indications)
