/// A cipher, of the cheapest kind, whose parts a broken layer may replace.
#ifndef CIPHER_H
#define CIPHER_H

#include "broken.h"

/// How many bytes of what is received are turned back.
#ifndef TURNED
#define TURNED SIZE_MAX
#endif

static inline void turn(unsigned char *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) bytes[index] ^= 0x5a;
}

/// A copy of what is sent, turned over, with its length in front.
static inline lamina_buffer *turned(const lamina_buffer *buffers, uint32_t count) {
    size_t length = 0;
    for (uint32_t index = 0; index < count; index++) length += buffers[index].length;
    lamina_buffer *copy = malloc(sizeof *copy + length);
    if (!copy) return 0;
    unsigned char *next = (unsigned char *)(copy + 1);
    *copy = (lamina_buffer){next, length};
    for (uint32_t index = 0; index < count; index++) {
        if (buffers[index].length) memcpy(next, buffers[index].base, buffers[index].length);
        next += buffers[index].length;
    }
    turn(copy->base, length);
    return copy;
}

static inline lamina_status free_context(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request;
    free(context);
    return 0;
}

static inline lamina_status send_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    lamina_buffer *copy = turned(buffers, count);
    if (!copy || !lamina_push(slot, request, free_context, copy)) {
        free(copy);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return BELOW(send, slot, copy, 1, flags, request);
}

static inline lamina_status send_to_turned(
    lamina_slot *slot, const lamina_message *message, uint32_t flags, lamina_request *request) {
    lamina_buffer *copy = turned(message->buffers, message->buffer_count);
    if (!copy || !lamina_push(slot, request, free_context, copy)) {
        free(copy);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    lamina_message other = *message;
    other.buffers = copy;
    other.buffer_count = 1;
    return BELOW(send_to, slot, &other, flags, request);
}

/// What a receive's frame needs.
typedef struct room {
    uint32_t count;
    lamina_buffer buffers[];
} room;

static inline void turn_back(const lamina_buffer *buffers, uint32_t count, uint64_t bytes) {
    uint64_t rest = bytes < TURNED ? bytes : TURNED;
    for (uint32_t index = 0; index < count && rest; index++) {
        const size_t length = buffers[index].length < rest ? buffers[index].length : rest;
        turn(buffers[index].base, length);
        rest -= length;
    }
}

static inline lamina_status received(lamina_slot *slot, lamina_request *request, void *context) {
    const room *room = context;
    (void)slot;
    turn_back(room->buffers, room->count, request->bytes);
    free(context);
    return 0;
}

/// Puts the frame of a receive on the request; 0: no memory.
static inline int push_room(lamina_slot *slot, lamina_request *request, const lamina_buffer *buffers, uint32_t count) {
    room *copy = malloc(sizeof *copy + count * sizeof *buffers);
    if (!copy || !lamina_push(slot, request, received, copy)) {
        free(copy);
        return 0;
    }
    copy->count = count;
    if (count) memcpy(copy->buffers, buffers, count * sizeof *buffers);
    return 1;
}

static inline lamina_status receive_turned(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!push_room(slot, request, buffers, count)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(receive, slot, buffers, count, flags, request);
}

static inline lamina_status receive_from_turned(
    lamina_slot *slot, lamina_message *message, uint32_t flags, lamina_request *request) {
    if (!push_room(slot, request, message->buffers, message->buffer_count)) {
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return BELOW(receive_from, slot, message, flags, request);
}

#endif
