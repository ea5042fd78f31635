// Forgets its context of a socket.
#include "broken.h"

static lamina_status open_socket(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    slot->context = malloc(48);
    return lamina_open(slot, open_arguments, request);
}

static const lamina_table table = {TABLE, .open = open_socket};

BROKEN("leaks", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
