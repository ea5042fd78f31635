/// What the fixtures share: the start-up symbol, settings by name, and the plainest ways to make a level.
#ifndef FIXTURE_LAYER_H
#define FIXTURE_LAYER_H

#include "lamina_provider.h"

#include <arpa/inet.h>
#include <stdlib.h>

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

/// `instantiate` of levels that are their table alone.
#define INSTANTIATE(table_of_calls)                                                                                    \
    static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {              \
        (void)asked;                                                                                                   \
        instance->table = &table_of_calls;                                                                             \
        return 0;                                                                                                      \
    }

/// `destroy` of levels whose context is memory alone. The loader takes functions of the plug-in's own only.
static inline void free_instance(void *context) { free(context); }

/// The port of this host that the setting `port` names, in memory for an instance's context. Null: there is none.
static inline lamina_address *loopback_target(const lamina_instance_arguments *asked) {
    lamina_address *target = calloc(1, sizeof *target);
    if (!target) return 0;
    target->form = LAMINA_ADDRESS_SOCKET;
    target->length = sizeof target->storage.ipv4;
    target->storage.ipv4.sin_family = AF_INET;
    target->storage.ipv4.sin_port = htons((uint16_t)setting_named(asked, "port")->number);
    target->storage.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return target;
}

/// The upcalls of a socket.
static inline const lamina_upcalls *upcalls_of(const lamina_slot *slot) { return slot->column->upcalls; }

#endif
