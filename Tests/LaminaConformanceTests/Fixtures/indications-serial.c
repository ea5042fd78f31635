// Indicates the halves of what came on two threads at once; of what is alike, so that their order doesn't show.
#include "broken.h"

#include <pthread.h>

typedef struct half {
    lamina_slot *slot;
    pthread_barrier_t *start;
    lamina_data node;
    lamina_receive_event event;
    unsigned char bytes[];
} half;

static void give_back(lamina_data *node, void *context) {
    (void)node;
    free(context);
}

static void *indicate(void *context) {
    half *half = context;
    pthread_barrier_wait(half->start);
    if (ABOVE(receive, RECEIVE, half->slot, &half->event) != LAMINA_PENDING) free(half);
    return 0;
}

static half *make_half(lamina_slot *slot, const lamina_data *node, size_t from, size_t length) {
    half *half = calloc(1, sizeof *half + length);
    if (!half) return 0;
    memcpy(half->bytes, (char *)node->buffer.base + from, length);
    half->slot = slot;
    half->node.buffer = (lamina_buffer){half->bytes, length};
    half->node.owner = give_back;
    half->node.owner_context = half;
    half->event = (lamina_receive_event){&half->node, length, length};
    return half;
}

static int is_alike(const lamina_data *node) {
    const unsigned char *bytes = node->buffer.base;
    const size_t length = node->buffer.length;
    return length > 1 && bytes[0] == bytes[length - 1];
}

static lamina_status indicate_halves(lamina_slot *slot, lamina_receive_event *event) {
    pthread_t thread;
    pthread_barrier_t start;
    if (!event->data || event->data->next || !is_alike(event->data)) return ABOVE(receive, RECEIVE, slot, event);
    const size_t middle = event->bytes_indicated / 2;
    half *first = make_half(slot, event->data, 0, middle);
    half *second = make_half(slot, event->data, middle, event->bytes_indicated - middle);
    if (!first || !second || pthread_barrier_init(&start, 0, 2)) abort();
    first->start = second->start = &start;
    if (pthread_create(&thread, 0, indicate, first)) abort();
    (void)indicate(second);
    pthread_join(thread, 0);
    pthread_barrier_destroy(&start);
    return 0;
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return BELOW(receive, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .receive = receive};
static const lamina_indications indications = {
    .size = sizeof indications, .version = LAMINA_ABI_VERSION, .receive = indicate_halves};

BROKEN("indications-serial", LAMINA_EFFECT_OBSERVE, LAMINA_LISTEN | LAMINA_CONNECTION, &table, &indications)
