// A cipher, of the cheapest kind: every byte on the wire is turned over. It fills the four plain data entries alone;
// connect with data, final data of a disconnect and lists of messages reach it through the framework's adapters, so
// nothing leaves in the clear.
#include "layer.h"

#include <stdlib.h>

enum { KEY = 0x5a };

/// What a frame needs: the caller's descriptors, or a copy of its bytes.
typedef struct part {
    uint32_t count;
    lamina_buffer buffers[];
} part;

static void turn(unsigned char *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) bytes[index] ^= KEY;
}

/// A copy of what is sent, turned over, behind one descriptor.
static part *ciphered(const lamina_buffer *buffers, uint32_t count) {
    size_t length = 0;
    for (uint32_t index = 0; index < count; index++) length += buffers[index].length;
    part *copy = calloc(1, sizeof *copy + sizeof *buffers + length);
    if (!copy) return 0;
    unsigned char *next = (unsigned char *)&copy->buffers[1];
    copy->count = 1;
    copy->buffers[0] = (lamina_buffer){next, length};
    for (uint32_t index = 0; index < count; index++) {
        if (buffers[index].length) memcpy(next, buffers[index].base, buffers[index].length);
        next += buffers[index].length;
    }
    turn(copy->buffers[0].base, length);
    return copy;
}

static lamina_status sent(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request;
    free(context);
    return 0;
}

/// Turns what has come in the caller's own memory.
static lamina_status received(lamina_slot *slot, lamina_request *request, void *context) {
    part *wanted = context;
    uint64_t rest = request->bytes;
    (void)slot;
    for (uint32_t index = 0; index < wanted->count && rest; index++) {
        const size_t length = wanted->buffers[index].length < rest ? wanted->buffers[index].length : rest;
        turn(wanted->buffers[index].base, length);
        rest -= length;
    }
    free(wanted);
    return 0;
}

/// Puts this level's frame on the request; where that fails, the request has ended and `part` is freed.
static int push(lamina_slot *slot, lamina_request *request, lamina_completion function, part *part, lamina_status *status) {
    if (part && lamina_push(slot, request, function, part)) return 1;
    free(part);
    *status = lamina_complete(slot, request, -ENOMEM, 0);
    return 0;
}

static lamina_status send_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    lamina_status status;
    part *copy = ciphered(buffers, count);
    if (!push(slot, request, sent, copy, &status)) return status;
    return lamina_send(slot, copy->buffers, 1, flags, request);
}

static lamina_status send_to_turned(
    lamina_slot *slot, const lamina_message *message, uint32_t flags, lamina_request *request) {
    lamina_status status;
    part *copy = ciphered(message->buffers, message->buffer_count);
    if (!push(slot, request, sent, copy, &status)) return status;
    lamina_message turned = *message;
    turned.buffers = copy->buffers;
    turned.buffer_count = 1;
    return lamina_send_to(slot, &turned, flags, request);
}

/// A copy of the caller's descriptors, which are gone when a call that pends has returned.
static part *described(const lamina_buffer *buffers, uint32_t count) {
    part *copy = calloc(1, sizeof *copy + count * sizeof *buffers);
    if (!copy) return 0;
    copy->count = count;
    if (count) memcpy(copy->buffers, buffers, count * sizeof *buffers);
    return copy;
}

static lamina_status receive_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    lamina_status status;
    if (!push(slot, request, received, described(buffers, count), &status)) return status;
    return lamina_receive(slot, buffers, count, flags, request);
}

static lamina_status receive_from_turned(
    lamina_slot *slot, lamina_message *message, uint32_t flags, lamina_request *request) {
    lamina_status status;
    if (!push(slot, request, received, described(message->buffers, message->buffer_count), &status)) return status;
    return lamina_receive_from(slot, message, flags, request);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .send = send_turned,
    .receive = receive_turned,
    .send_to = send_to_turned,
    .receive_from = receive_from_turned,
};

INSTANTIATE(table)

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "xor",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .phase = LAMINA_PHASE_CRYPTO_COMPRESS,
    .categories = LAMINA_ANY_CATEGORY,
    .instantiate = instantiate,
};

OFFER(provider)
