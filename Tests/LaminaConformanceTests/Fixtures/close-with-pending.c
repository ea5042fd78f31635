// Loses a request that ends because its socket is closed: a base an accept, others a control request.
#include "broken.h"

static lamina_status lose(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)context;
    return request->status == -ECANCELED && !lamina_request_is_cancelled(request) ? LAMINA_MORE_PROCESSING : 0;
}

#ifdef BROKEN_BASE
static lamina_status accept_losing(
    lamina_slot *slot, lamina_address *local, lamina_address *remote, lamina_request *request) {
    if (!lamina_push(slot, request, lose, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(accept, slot, local, remote, request);
}

static const lamina_table table = {TABLE, .accept = accept_losing};
#else
static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (!lamina_push(slot, request, lose, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(control, slot, operation, request);
}

static const lamina_table table = {TABLE, .control = control};
#endif

BROKEN("close-with-pending", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
