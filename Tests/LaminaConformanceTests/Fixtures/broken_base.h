/// A broken base: the sound one, whose library SOUND_BASE names, with some of its entries replaced. Its indications are
/// replaced in the links that it calls up by, which a base of its own has no need to touch.
#ifndef BROKEN_BASE_H
#define BROKEN_BASE_H

#include "layer.h"

#include <dlfcn.h>
#include <pthread.h>

/// The sound base's entries.
static lamina_table sound;
static const lamina_provider *sound_provider;

/// Passes a call on: to the sound base.
#define BELOW(entry, slot, ...) sound.entry(slot, __VA_ARGS__)

/// The links of a slot whose indications are replaced, and those that it had.
typedef struct tap {
    lamina_up up;
    const lamina_up *real;
    struct tap *next;
} tap;

static tap *taps;
static pthread_mutex_t taps_lock = PTHREAD_MUTEX_INITIALIZER;

/// Replaces a slot's indications by those of `events`. What is made for one shape of links serves every socket.
static inline void tap_indications(lamina_slot *slot, const lamina_indications *events) {
    tap *found;
    pthread_mutex_lock(&taps_lock);
    for (found = taps; found && found->real != slot->up && &found->up != slot->up; found = found->next) {
    }
    if (!found && (found = calloc(1, sizeof *found))) {
        found->real = slot->up;
        found->up = *slot->up;
#define LAMINA_INDICATION(entry, NAME, classes, categories)                                                            \
    if (events->entry) found->up.links[LAMINA_INDICATION_##NAME] = (lamina_link){(lamina_any_function)events->entry, 0};
#include "lamina_indications.def"
        found->next = taps;
        taps = found;
    }
    if (found) slot->up = &found->up;
    pthread_mutex_unlock(&taps_lock);
}

/// Passes an indication on.
#define ABOVE(entry, NAME, slot, event)                                                                                \
    ((lamina_##entry##_indication)((const tap *)(const void *)slot->up)->real->links[LAMINA_INDICATION_##NAME]         \
            .function)(                                                                                                \
        (lamina_slot *)(void *)((char *)slot                                                                           \
            + ((const tap *)(const void *)slot->up)->real->links[LAMINA_INDICATION_##NAME].distance),                  \
        event)

/// Puts the entries of `broken` in the place of the sound ones.
static inline void replace_entries(lamina_table *table, const lamina_table *broken) {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    if (broken->entry) table->entry = broken->entry;
#include "lamina_entries.def"
    if (broken->configure) table->configure = broken->configure;
}

/// The sound base's provider, or null.
static inline const lamina_provider *find_sound(const lamina_startup_arguments *startup_arguments) {
    lamina_startup_result found = {.size = sizeof found, .type = LAMINA_STARTUP_TYPE};
    void *library = dlopen(SOUND_BASE, RTLD_NOW | RTLD_LOCAL);
    lamina_startup_function start = library ? (lamina_startup_function)dlsym(library, LAMINA_STARTUP_SYMBOL) : 0;
    return start && start(startup_arguments, &found) == 0 ? found.providers[0] : 0;
}

#define BROKEN(base_name, layer_effect, layer_categories, entries, events)                                             \
    static lamina_table table_in_use;                                                                                  \
    static lamina_status enable_tapped(lamina_slot *slot, uint32_t set, uint32_t clear, lamina_request *request) {     \
        const lamina_indications *own = events;                                                                        \
        if (own) tap_indications(slot, own);                                                                           \
        return sound.enable_indications(slot, set, clear, request);                                                    \
    }                                                                                                                  \
    static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {              \
        const lamina_status status = sound_provider->instantiate(asked, instance);                                     \
        if (status < 0) return status;                                                                                 \
        const lamina_indications *own = events;                                                                        \
        sound = *instance->table;                                                                                      \
        table_in_use = sound;                                                                                          \
        if (own) table_in_use.enable_indications = enable_tapped;                                                      \
        replace_entries(&table_in_use, entries);                                                                       \
        instance->table = &table_in_use;                                                                               \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static void destroy(void *context) {                                                                               \
        if (sound_provider->destroy) sound_provider->destroy(context);                                                 \
    }                                                                                                                  \
    LAMINA_EXPORT lamina_status lamina_startup(                                                                        \
        const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {                            \
        static lamina_provider provider;                                                                               \
        static const lamina_provider *const providers[] = {&provider};                                                 \
        sound_provider = find_sound(startup_arguments);                                                                \
        if (!sound_provider) return -ENOENT;                                                                           \
        provider = *sound_provider;                                                                                    \
        provider.name = base_name;                                                                                     \
        provider.flags |= LAMINA_PROVIDER_GENERIC;                                                                     \
        provider.instantiate = instantiate;                                                                            \
        provider.destroy = destroy;                                                                                    \
        return lamina_offer(result, providers, 1);                                                                     \
    }

#endif
