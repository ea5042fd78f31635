// Indicates the halves of what came on two threads at once.
#include "broken.h"

#include <pthread.h>

typedef struct half {
    lamina_slot *slot;
    lamina_data node;
    lamina_receive_event event;
} half;

static void *indicate(void *context) {
    half *half = context;
    (void)lamina_indicate_receive(half->slot, &half->event);
    return 0;
}

static half make_half(lamina_slot *slot, const lamina_data *node, size_t from, size_t length) {
    half half = {.slot = slot, .node = *node};
    half.node.buffer = (lamina_buffer){(char *)node->buffer.base + from, length};
    half.event = (lamina_receive_event){.bytes_indicated = length, .bytes_accepted = length};
    return half;
}

static lamina_status indicate_halves(lamina_slot *slot, lamina_receive_event *event) {
    pthread_t thread;
    if (!event->data || event->data->next || event->bytes_indicated < 2) return lamina_indicate_receive(slot, event);
    const size_t middle = event->bytes_indicated / 2;
    half first = make_half(slot, event->data, 0, middle);
    half second = make_half(slot, event->data, middle, event->bytes_indicated - middle);
    first.event.data = &first.node;
    second.event.data = &second.node;
    if (pthread_create(&thread, 0, indicate, &first)) return lamina_indicate_receive(slot, event);
    (void)indicate(&second);
    pthread_join(thread, 0);
    return 0;
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_receive(slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .receive = receive};
static const lamina_indications indications = {
    .size = sizeof indications, .version = LAMINA_ABI_VERSION, .receive = indicate_halves};

BROKEN("indications-serial", LAMINA_EFFECT_OBSERVE, LAMINA_LISTEN | LAMINA_CONNECTION, &table, &indications)
