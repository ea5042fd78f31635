// Ends questions for the local address a while later, and tells nobody that it keeps them.
#include "broken.h"
#include "lamina_socket.h"

#include <time.h>

static void end(void *context) {
    lamina_request *request = context;
    (void)lamina_refuse(request, request->status);
}

static lamina_status keep(lamina_slot *slot, lamina_request *request, void *context) {
    struct timespec now;
    (void)context;
    // One that waited below is counted.
    if (request->flags & LAMINA_REQUEST_PENDED) return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    request->flags |= LAMINA_REQUEST_PENDED;
    (void)upcalls_of(slot)->post_at(slot, now.tv_sec * 1000000000LL + now.tv_nsec + 20000000, end, request);
    return LAMINA_MORE_PROCESSING;
}

static lamina_status local_address(lamina_slot *slot, lamina_address *address, lamina_request *request) {
    // A caller that waits gets its answer.
    if (request->flags) return BELOW(local_address, slot, address, request);
    if (!lamina_push(slot, request, keep, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(local_address, slot, address, request);
}

static const lamina_table table = {TABLE, .local_address = local_address};

BROKEN("late-calls", LAMINA_EFFECT_OBSERVE, LAMINA_CONNECTION, &table, 0)
