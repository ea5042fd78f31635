/// What the broken plug-ins share: each passes calls on, with one thing wrong. One source is a layer, or a base with
/// BROKEN_BASE, or a terminating level with BROKEN_TERMINATING.
#ifndef BROKEN_H
#define BROKEN_H

#include "layer.h"

#include <stdlib.h>

#define TABLE .size = sizeof(lamina_table), .version = LAMINA_ABI_VERSION

#if defined(BROKEN_BASE)
#include "broken_base.h"
#elif defined(BROKEN_TERMINATING)
#include "broken_terminating.h"
#else

/// Passes a call on.
#define BELOW(entry, slot, ...) lamina_##entry(slot, __VA_ARGS__)
/// Passes an indication on.
#define ABOVE(entry, NAME, slot, event) lamina_indicate_##entry(slot, event)

/// The plug-in: a layer with these entries and indications.
#define BROKEN(layer_name, layer_effect, layer_categories, entries, events)                                            \
    static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {              \
        (void)asked;                                                                                                   \
        instance->table = entries;                                                                                     \
        instance->indications = events;                                                                                \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static const lamina_provider provider = {                                                                          \
        .size = sizeof provider,                                                                                       \
        .kind = LAMINA_LAYERED_PROVIDER,                                                                               \
        .name = layer_name,                                                                                            \
        .effect = layer_effect,                                                                                        \
        .handoff = HANDOFF,                                                                                            \
        .phase = LAMINA_PHASE_INSPECTOR,                                                                               \
        .categories = layer_categories,                                                                                \
        .setting_count = SETTING_COUNT,                                                                                \
        .settings = SETTINGS,                                                                                          \
        .instantiate = instantiate,                                                                                    \
    };                                                                                                                 \
    OFFER(provider)

#endif

#ifndef HANDOFF
#define HANDOFF LAMINA_HANDOFF_NONE
#endif
#ifndef SETTINGS
#define SETTINGS 0
#define SETTING_COUNT 0
#endif

#endif
