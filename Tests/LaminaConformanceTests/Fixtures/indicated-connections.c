// Takes a connection that the client refused.
#include "broken.h"

static lamina_status take(lamina_slot *slot, lamina_accept_event *event) {
    (void)ABOVE(accept, ACCEPT, slot, event);
    return 0;
}

static const lamina_table table = {TABLE};
static const lamina_indications indications = {
    .size = sizeof indications, .version = LAMINA_ABI_VERSION, .accept = take};

BROKEN("indicated-connections", LAMINA_EFFECT_NONE, LAMINA_LISTEN | LAMINA_CONNECTION, &table, &indications)
