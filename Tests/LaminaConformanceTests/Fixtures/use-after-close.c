// Goes on after its close: a layer gives a node back through a socket that the levels below have closed, a base says of
// a socket that is gone that it is dead.
#include "broken.h"

#ifdef BROKEN_BASE
#include <time.h>

static void say_dead(void *context) {
    lamina_slot *slot = context;
    lamina_receive_event event = {0};
    if (slot->up) (void)lamina_indicate_receive(slot, &event);
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (slot->enabled & 1 << LAMINA_INDICATION_RECEIVE) {
        const int64_t soon = now.tv_sec * 1000000000LL + now.tv_nsec + 20000000;
        (void)upcalls_of(slot)->post_at(slot, soon, say_dead, slot);
    }
    return BELOW(close, slot, request);
}
#else
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
#endif

static const lamina_table table = {TABLE, .close = close_socket};

BROKEN("use-after-close", LAMINA_EFFECT_NONE, LAMINA_DATAGRAM | LAMINA_CONNECTION, &table, 0)
