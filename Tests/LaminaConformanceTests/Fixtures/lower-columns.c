// A terminating level that never closes its lower column.
#include "broken.h"

static lamina_status close_nothing(lamina_slot *slot, lamina_request *request) {
    slot->primary = 0;
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {TABLE, .close = close_nothing};

BROKEN("lower-columns", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
