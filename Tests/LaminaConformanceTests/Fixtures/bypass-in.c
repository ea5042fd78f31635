// A cipher that lets what is indicated in as it came.
#include "cipher.h"

static lamina_status indicate_raw(lamina_slot *slot, lamina_receive_event *event) {
    return ABOVE(receive, RECEIVE, slot, event);
}

static const lamina_table table = {TABLE, .send = send_turned, .receive = receive_turned, .send_to = send_to_turned,
    .receive_from = receive_from_turned};
static const lamina_indications indications = {
    .size = sizeof indications, .version = LAMINA_ABI_VERSION, .receive = indicate_raw};

BROKEN("bypass-in", LAMINA_EFFECT_TRANSFORM, LAMINA_ANY_CATEGORY, &table, &indications)
