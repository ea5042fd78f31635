// A level that ends the column of a socket and opens another one below itself. What it leaves out of its table goes to
// that lower column; here is the place to open several, or another one when the first fails.
#include "lamina_provider.h"

#include <stdlib.h>

/// An open or a close of the lower column, on its way.
typedef struct passage {
    lamina_slot *slot;
    lamina_slot *lower;
    /// The request of the level above.
    lamina_request *outer;
    lamina_request inner;
} passage;

static lamina_status passage_ended(lamina_slot *slot, lamina_request *inner, void *context) {
    const passage ended = *(passage *)context;
    const lamina_status status = inner->status;
    (void)slot;
    free(context);
    if (ended.lower) ended.slot->primary = status < 0 ? 0 : ended.lower;
    (void)lamina_complete(ended.slot, ended.outer, status, 0);
    return 0;
}

static passage *begin_passage(lamina_slot *slot, lamina_request *request) {
    passage *made = calloc(1, sizeof *made);
    if (!made) return 0;
    made->slot = slot;
    made->outer = request;
    lamina_request_prepare(&made->inner, passage_ended, made);
    slot->column->upcalls->mark_pending(slot, request);
    return made;
}

static lamina_status open_lower(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    passage *made = begin_passage(slot, request);
    if (!made) return lamina_complete(slot, request, -ENOMEM, 0);
    (void)slot->column->upcalls->open_below(slot, open_arguments, 0, 0, &made->lower, &made->inner);
    return LAMINA_PENDING;
}

static lamina_status close_lower(lamina_slot *slot, lamina_request *request) {
    lamina_slot *lower = slot->primary;
    passage *made = lower ? begin_passage(slot, request) : 0;
    if (!made) return lamina_complete(slot, request, 0, 0);
    slot->primary = 0;
    (void)slot->column->upcalls->close_below(lower, &made->inner);
    return LAMINA_PENDING;
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_lower,
    .close = close_lower,
};

static lamina_status instantiate(const lamina_instance_arguments *arguments, lamina_instance *instance) {
    (void)arguments;
    instance->table = &table;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_TERMINATING_PROVIDER,
    .name = "__name__",
    .version = "1.0",
    .summary = "opens a column of its own below each socket",
    .uuid = "__uuid__",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .handoff = LAMINA_HANDOFF_NONE,
    .phase = LAMINA_PHASE_PROXY,
    .categories = LAMINA_CONNECTION | LAMINA_DATAGRAM,
    .instantiate = instantiate,
};

/// The one symbol that the library exports (WSPStartup).
LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    static const lamina_provider *const providers[] = {&provider};
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
