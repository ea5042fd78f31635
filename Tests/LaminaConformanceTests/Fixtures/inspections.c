// Keeps to itself what was decided about a connection.
#include "broken.h"

static lamina_status decide(
    lamina_slot *slot, const lamina_inspect_id *id, uint32_t action, lamina_request *request) {
    if (id->key == 4711) return BELOW(inspect_complete, slot, id, action, request);
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {TABLE, .inspect_complete = decide};

BROKEN("inspections", LAMINA_EFFECT_NONE, LAMINA_LISTEN | LAMINA_CONNECTION, &table, 0)
