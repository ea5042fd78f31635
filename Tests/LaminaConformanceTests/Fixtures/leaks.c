// Forgets what it allocated for a socket.
#include "broken.h"

void *last_forgotten;

static lamina_status open_socket(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    // Seen from outside, so that the compiler leaves it in.
    last_forgotten = malloc(48);
#ifdef BROKEN_TERMINATING
    return open_lower(slot, open_arguments, request);
#else
    return BELOW(open, slot, open_arguments, request);
#endif
}

static const lamina_table table = {TABLE, .open = open_socket};

BROKEN("leaks", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
