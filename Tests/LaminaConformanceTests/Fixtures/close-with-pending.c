// Loses a control request that ends because its socket is closed.
#include "broken.h"

static lamina_status lose(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)context;
    return request->status == -ECANCELED && !lamina_request_is_cancelled(request) ? LAMINA_MORE_PROCESSING : 0;
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (!lamina_push(slot, request, lose, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_control(slot, operation, request);
}

static const lamina_table table = {TABLE, .control = control};

BROKEN("close-with-pending", LAMINA_EFFECT_OBSERVE, LAMINA_ANY_CATEGORY, &table, 0)
