/// Sends datagrams from the engine, a while later. With KEPT_WHOLE it keeps the caller's message, else copies of its parts.
#ifndef LATER_H
#define LATER_H

#include "broken.h"

#include <time.h>

typedef struct later {
    lamina_slot *slot;
    lamina_request *request;
    const lamina_message *message;
    lamina_message copy;
    lamina_address address;
    uint32_t flags;
    lamina_buffer buffers[];
} later;

static void send_now(void *context) {
    later *later = context;
    (void)BELOW(send_to, later->slot, later->message, later->flags, later->request);
    free(later);
}

static lamina_status send_later(
    lamina_slot *slot, const lamina_message *message, uint32_t flags, lamina_request *request) {
    // Whoever tries or waits can't be kept waiting by a frame's owner.
    if (request->flags) return BELOW(send_to, slot, message, flags, request);
    later *later = malloc(sizeof *later + message->buffer_count * sizeof *message->buffers);
    if (!later) return lamina_complete(slot, request, -ENOMEM, 0);
    later->slot = slot;
    later->request = request;
    later->flags = flags;
    later->message = KEPT_WHOLE ? message : &later->copy;
    later->copy = *message;
    later->copy.buffers = later->buffers;
    if (message->buffer_count) {
        memcpy(later->buffers, message->buffers, message->buffer_count * sizeof *message->buffers);
    }
    if (message->address) {
        later->address = *message->address;
        later->copy.address = &later->address;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t soon = now.tv_sec * 1000000000LL + now.tv_nsec + 50000000;
    upcalls_of(slot)->mark_pending(slot, request);
    if (upcalls_of(slot)->post_at(slot, soon, send_now, later) < 0) send_now(later);
    return LAMINA_PENDING;
}

static const lamina_table table = {TABLE, .send_to = send_later};

#endif
