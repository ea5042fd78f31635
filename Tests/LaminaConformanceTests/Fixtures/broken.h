/// What the broken layers share: each is a layer that passes calls on, with one thing wrong.
#ifndef BROKEN_H
#define BROKEN_H

#include "layer.h"

#include <stdlib.h>

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
        .phase = LAMINA_PHASE_INSPECTOR,                                                                               \
        .categories = layer_categories,                                                                                \
        .instantiate = instantiate,                                                                                    \
    };                                                                                                                 \
    OFFER(provider)

#define TABLE .size = sizeof(lamina_table), .version = LAMINA_ABI_VERSION

#endif
