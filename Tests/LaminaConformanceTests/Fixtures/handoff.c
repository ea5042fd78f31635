// Says that none of its sockets can be handed over, and exports a state.
#include "broken.h"

static lamina_status export_byte(lamina_slot *slot, lamina_state *state, lamina_request *request) {
    state->length = 1;
    state->version = 1;
    if (state->capacity < 1) return lamina_complete(slot, request, -ENOBUFS, 0);
    *(char *)state->bytes = 7;
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {TABLE, .export_state = export_byte};

BROKEN("handoff", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
