// A cipher that reads the caller's descriptors when data have come, long after the call has returned.
#include "cipher.h"

/// The caller's descriptors, where they were.
typedef struct place {
    const lamina_buffer *buffers;
    uint32_t count;
} place;

static lamina_status turned_in_place(lamina_slot *slot, lamina_request *request, void *context) {
    const place *place = context;
    (void)slot;
    turn_back(place->buffers, place->count, request->bytes);
    free(context);
    return 0;
}

static lamina_status receive_uncopied(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    place *place = malloc(sizeof *place);
    if (!place || !lamina_push(slot, request, turned_in_place, place)) {
        free(place);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    place->buffers = buffers;
    place->count = count;
    return BELOW(receive, slot, buffers, count, flags, request);
}

static const lamina_table table = {TABLE, .send = send_turned, .receive = receive_uncopied, .send_to = send_to_turned,
    .receive_from = receive_from_turned};

BROKEN("copies-before-return", LAMINA_EFFECT_TRANSFORM, LAMINA_ANY_CATEGORY, &table, 0)
