// Loses the nodes that a client gives back.
#include "broken.h"

static lamina_status lose(lamina_slot *slot, lamina_data *nodes, lamina_request *request) {
    (void)nodes;
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {TABLE, .release = lose};

BROKEN("nodes", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
