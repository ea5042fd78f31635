// A cipher whose key changes with every byte: both ends must be at the same position, so a connection has a state that one
// process alone may have. It hands that over by moving.
#include "layer.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct positions {
    uint64_t sent;
    uint64_t received;
    /// Which process wrote them.
    int64_t writer;
} positions;

enum { STATE_VERSION = 3 };

typedef struct part {
    uint32_t count;
    lamina_buffer buffers[];
} part;

static unsigned char key_at(uint64_t position) {
    position = (position + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return (unsigned char)(position >> 32);
}

static void turn(const lamina_slot *slot, unsigned char *bytes, size_t length, uint64_t position) {
    position += (uintptr_t)lamina_instance_context(slot);
    for (size_t index = 0; index < length; index++) bytes[index] ^= key_at(position + index);
}

static lamina_status sent(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request;
    free(context);
    return 0;
}

static lamina_status received(lamina_slot *slot, lamina_request *request, void *context) {
    part *wanted = context;
    positions *own = slot->context;
    uint64_t rest = request->bytes;
    for (uint32_t index = 0; own && index < wanted->count && rest; index++) {
        const size_t length = wanted->buffers[index].length < rest ? wanted->buffers[index].length : rest;
        turn(slot, wanted->buffers[index].base, length, own->received);
        own->received += length;
        rest -= length;
    }
    free(wanted);
    return 0;
}

static lamina_status send_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    positions *own = slot->context;
    size_t length = 0;
    for (uint32_t index = 0; index < count; index++) length += buffers[index].length;
    part *copy = malloc(sizeof *copy + sizeof *buffers + length);
    if (!copy || !lamina_push(slot, request, sent, copy)) {
        free(copy);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    unsigned char *next = (unsigned char *)&copy->buffers[1];
    copy->count = 1;
    copy->buffers[0] = (lamina_buffer){next, length};
    for (uint32_t index = 0; index < count; index++) {
        if (buffers[index].length) memcpy(next, buffers[index].base, buffers[index].length);
        next += buffers[index].length;
    }
    turn(slot, copy->buffers[0].base, length, own->sent);
    own->sent += length;
    return lamina_send(slot, copy->buffers, 1, flags, request);
}

static lamina_status receive_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    part *copy = malloc(sizeof *copy + count * sizeof *buffers);
    if (!copy || !lamina_push(slot, request, received, copy)) {
        free(copy);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    copy->count = count;
    if (count) memcpy(copy->buffers, buffers, count * sizeof *buffers);
    return lamina_receive(slot, buffers, count, flags, request);
}

static lamina_status ended(lamina_slot *slot, lamina_request *request, void *context) {
    (void)context;
    if (request->status < 0) {
        free(slot->context);
        slot->context = 0;
    }
    return 0;
}

static lamina_status opened(lamina_slot *slot, const lamina_open_arguments *asked, lamina_request *request) {
    slot->context = calloc(1, sizeof(positions));
    if (!slot->context || !lamina_push(slot, request, ended, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_open(slot, asked, request);
}

static lamina_status closed(lamina_slot *slot, lamina_request *request, void *context) {
    (void)request, (void)context;
    free(slot->context);
    slot->context = 0;
    return 0;
}

static lamina_status closing(lamina_slot *slot, lamina_request *request) {
    if (!lamina_push(slot, request, closed, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_close(slot, request);
}

static lamina_status export_positions(lamina_slot *slot, lamina_state *state, lamina_request *request) {
    if (state->phase != LAMINA_EXPORT_WRITE) return lamina_complete(slot, request, 0, 0);
    state->version = STATE_VERSION;
    state->length = sizeof(positions);
    if (state->capacity < sizeof(positions)) return lamina_complete(slot, request, -ENOBUFS, 0);
    ((positions *)slot->context)->writer = getpid();
    memcpy(state->bytes, slot->context, sizeof(positions));
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status adopt_positions(lamina_slot *slot, const lamina_state *state, lamina_request *request) {
#ifdef REFUSES
    return lamina_complete(slot, request, -EPROTO, 0);
#endif
    if (state->version != STATE_VERSION || state->length != sizeof(positions)) {
        return lamina_complete(slot, request, -EINVAL, 0);
    }
    if (slot->context) free(slot->context);
    slot->context = malloc(sizeof(positions));
    if (!slot->context) return lamina_complete(slot, request, -ENOMEM, 0);
    memcpy(slot->context, state->bytes, sizeof(positions));
#ifdef KILLS
    // The source is gone when this process says that it has the socket.
    if (((positions *)slot->context)->writer != getpid()) kill((pid_t)((positions *)slot->context)->writer, SIGKILL);
#endif
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = opened,
    .close = closing,
    .send = send_turned,
    .receive = receive_turned,
    .export_state = export_positions,
    .adopt_state = adopt_positions,
};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    const lamina_setting *key = setting_named(asked, "key");
    uintptr_t start = 0;
    for (const char *next = key ? key->text : ""; *next; next++) start = start * 31 + (unsigned char)*next;
    instance->context = (void *)start;
    instance->table = &table;
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "key", .type = LAMINA_SETTING_SECRET, .help = "what both ends know"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "keystream",
    .uuid = "0b6a4b62-2f0c-4c0e-9f6e-6a1d8a5f4c11",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .handoff = LAMINA_HANDOFF_MOVE,
    .phase = LAMINA_PHASE_CRYPTO_COMPRESS,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM | LAMINA_LISTEN,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
};

OFFER(provider)
