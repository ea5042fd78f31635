// Counts an address more than there is room for.
#include "broken.h"

static lamina_status count_more(lamina_slot *slot, lamina_request *request, void *context) {
    lamina_resolve_arguments *query = context;
    (void)slot;
    if (request->status >= 0) query->count = query->capacity + 1;
    return 0;
}

static lamina_status resolve(lamina_slot *slot, lamina_resolve_arguments *query, lamina_request *request) {
    if (!lamina_push(slot, request, count_more, query)) return lamina_complete(slot, request, -ENOMEM, 0);
    return BELOW(resolve, slot, query, request);
}

static const lamina_table table = {TABLE, .resolve = resolve};

BROKEN("names", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
