// A layer that offers an extension: how many bytes a socket has sent. It is asked for by its UUID, and answers with a
// table of its own; the caller's table is told when the socket closes.
#include "layer.h"

#include <stdlib.h>

#define COUNTER "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5"

/// What the layer's side of the extension offers.
typedef struct counter_dispatch {
    uint64_t (*sent)(void *context);
} counter_dispatch;

/// What the caller's side offers.
typedef struct counter_client {
    void (*closed)(void *context, uint64_t sent);
} counter_client;

typedef struct counter {
    uint64_t sent;
    lamina_extension client;
} counter;

static uint64_t sent_so_far(void *context) { return __atomic_load_n(&((counter *)context)->sent, __ATOMIC_RELAXED); }

static const counter_dispatch dispatch = {sent_so_far};

static lamina_status opened(lamina_slot *slot, lamina_request *request, void *context) {
    (void)context;
    if (request->status >= 0) slot->context = calloc(1, sizeof(counter));
    return 0;
}

static lamina_status open_socket(lamina_slot *slot, const lamina_open_arguments *asked, lamina_request *request) {
    if (!lamina_push(slot, request, opened, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_open(slot, asked, request);
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    counter *self = slot->context;
    if (self && self->client.dispatch) {
        ((const counter_client *)self->client.dispatch)->closed(self->client.context, self->sent);
    }
    free(self);
    slot->context = 0;
    return lamina_close(slot, request);
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (!lamina_is_extension(operation, COUNTER)) return lamina_control(slot, operation, request);
    counter *self = slot->context;
    if (!self || operation->output_capacity < sizeof(lamina_extension)) {
        return lamina_complete(slot, request, -EINVAL, 0);
    }
    if (operation->input_length >= sizeof self->client) memcpy(&self->client, operation->input, sizeof self->client);
    lamina_extension *answer = operation->output;
    answer->context = self;
    answer->dispatch = &dispatch;
    return lamina_complete(slot, request, 0, sizeof *answer);
}

static lamina_status send_bytes(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    counter *self = slot->context;
    for (uint32_t index = 0; self && index < count; index++) {
        __atomic_add_fetch(&self->sent, buffers[index].length, __ATOMIC_RELAXED);
    }
    return lamina_send(slot, buffers, count, flags, request);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_socket,
    .close = close_socket,
    .control = control,
    .send = send_bytes,
};

INSTANTIATE(table)

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "extension",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_CONNECTION | LAMINA_LISTEN | LAMINA_DATAGRAM,
    .instantiate = instantiate,
};

OFFER(provider)
