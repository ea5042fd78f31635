/// What the fixtures share: the start-up symbol, and settings by name.
#ifndef FIXTURE_LAYER_H
#define FIXTURE_LAYER_H

#include "lamina_provider.h"

/// The start-up symbol of a plug-in with the one provider `provider`.
#define OFFER(provider)                                                                                                \
    LAMINA_EXPORT lamina_status lamina_startup(                                                                        \
        const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {                            \
        static const lamina_provider *const providers[] = {&provider};                                                 \
        (void)startup_arguments;                                                                                       \
        return lamina_offer(result, providers, 1);                                                                     \
    }

/// The setting of this name, or null where it wasn't given.
static inline const lamina_setting *setting_named(const lamina_instance_arguments *asked, const char *name) {
    for (uint32_t index = 0; index < asked->setting_count; index++) {
        if (strcmp(asked->settings[index].name, name) == 0) return &asked->settings[index];
    }
    return 0;
}

/// The upcalls of a socket.
static inline const lamina_upcalls *upcalls_of(const lamina_slot *slot) { return slot->column->upcalls; }

#endif
