// Takes a bind for one without flags, whatever its flags are.
#include "broken.h"

static lamina_status bind_anyhow(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    (void)flags;
    return BELOW(bind, slot, address, 0, request);
}

static const lamina_table table = {TABLE, .bind = bind_anyhow};

BROKEN("wrong-use", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
