// Completes a request that clears an indication before the levels below have.
#include "broken.h"

static lamina_status cleared(lamina_slot *slot, lamina_request *own, void *context) {
    (void)slot, (void)context;
    free(own);
    return 0;
}

static lamina_status enable(lamina_slot *slot, uint32_t set, uint32_t clear, lamina_request *request) {
    lamina_request *own = clear ? malloc(sizeof *own) : 0;
    if (!own) return BELOW(enable_indications, slot, set, clear, request);
    lamina_request_prepare(own, cleared, 0);
    (void)BELOW(enable_indications, slot, set, clear, own);
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {TABLE, .enable_indications = enable};

BROKEN("clearing-drains", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
