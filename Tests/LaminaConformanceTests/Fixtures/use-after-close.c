// Gives a node back through a socket that the levels below have closed.
#include "broken.h"

static void nobody(lamina_data *node, void *context) { (void)node, (void)context; }

static lamina_status give_back(lamina_slot *slot, lamina_request *request, void *context) {
    lamina_data node = {.owner = nobody};
    lamina_request own;
    (void)request, (void)context;
    lamina_request_prepare(&own, 0, 0);
    (void)lamina_release(slot, &node, &own);
    return 0;
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    (void)lamina_push(slot, request, give_back, 0);
    return lamina_close(slot, request);
}

static const lamina_table table = {TABLE, .close = close_socket};

BROKEN("use-after-close", LAMINA_EFFECT_NONE, LAMINA_DATAGRAM | LAMINA_CONNECTION, &table, 0)
