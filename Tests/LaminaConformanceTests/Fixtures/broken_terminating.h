/// A broken terminating level: it opens one lower column for each socket, whose entries stand for those that it leaves
/// empty.
#ifndef BROKEN_TERMINATING_H
#define BROKEN_TERMINATING_H

#include "layer.h"

#include <stdlib.h>

/// Passes a call on: to the lower column.
#define BELOW(entry, slot, ...) lamina_##entry((slot)->primary, __VA_ARGS__)

/// An open or a close on its way.
typedef struct passage {
    lamina_slot *slot, *lower;
    lamina_request *outer;
    lamina_request inner;
} passage;

static inline passage *begin_passage(lamina_slot *slot, lamina_request *request, lamina_completion ended) {
    passage *made = calloc(1, sizeof *made);
    if (!made) return 0;
    made->slot = slot;
    made->outer = request;
    lamina_request_prepare(&made->inner, ended, made);
    upcalls_of(slot)->mark_pending(slot, request);
    return made;
}

static inline lamina_status passage_ended(lamina_slot *slot, lamina_request *inner, void *context) {
    const passage ended = *(passage *)context;
    const lamina_status status = inner->status;
    (void)slot;
    free(context);
    if (ended.lower) ended.slot->primary = status < 0 ? 0 : ended.lower;
    (void)lamina_complete(ended.slot, ended.outer, status, 0);
    return 0;
}

static inline lamina_status open_lower(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    passage *made = begin_passage(slot, request, passage_ended);
    if (!made) return lamina_complete(slot, request, -ENOMEM, 0);
    (void)upcalls_of(slot)->open_below(slot, open_arguments, 0, 0, &made->lower, &made->inner);
    return LAMINA_PENDING;
}

static inline lamina_status close_lower(lamina_slot *slot, lamina_request *request) {
    lamina_slot *lower = slot->primary;
    passage *made = lower ? begin_passage(slot, request, passage_ended) : 0;
    if (!made) return lamina_complete(slot, request, 0, 0);
    slot->primary = 0;
    (void)upcalls_of(slot)->close_below(lower, &made->inner);
    return LAMINA_PENDING;
}

#define BROKEN(level_name, level_effect, level_categories, entries, events)                                            \
    static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {              \
        static lamina_table table_in_use;                                                                              \
        (void)asked;                                                                                                   \
        table_in_use = *(entries);                                                                                     \
        if (!table_in_use.open) table_in_use.open = open_lower;                                                        \
        if (!table_in_use.close) table_in_use.close = close_lower;                                                     \
        instance->table = &table_in_use;                                                                               \
        instance->indications = events;                                                                                \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static const lamina_provider provider = {                                                                          \
        .size = sizeof provider,                                                                                       \
        .kind = LAMINA_TERMINATING_PROVIDER,                                                                           \
        .name = level_name,                                                                                            \
        .effect = LAMINA_EFFECT_TRANSFORM,                                                                             \
        .handoff = LAMINA_HANDOFF_NONE,                                                                                \
        .phase = LAMINA_PHASE_PROXY,                                                                                   \
        .categories = LAMINA_CONNECTION | LAMINA_DATAGRAM,                                                             \
        .instantiate = instantiate,                                                                                    \
    };                                                                                                                 \
    OFFER(provider)

#endif
