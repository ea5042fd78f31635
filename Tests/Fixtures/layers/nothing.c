// A complete layer that does nothing: it passes on what is sent. cc -shared -fPIC nothing.c -o libnothing.so
#include "lamina_provider.h"

static lamina_status pass_on(lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags,
    lamina_request *request) {
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    static lamina_table table;
    table.size = sizeof table;
    table.version = LAMINA_ABI_VERSION;
    table.send = pass_on;
    instance->table = &table;
    return asked->setting_count ? -EINVAL : 0;
}

LAMINA_EXPORT lamina_status lamina_startup(const lamina_startup_arguments *asked, lamina_startup_result *result) {
    static lamina_provider provider;
    static const lamina_provider *const providers[] = {&provider};
    provider.size = sizeof provider;
    provider.kind = LAMINA_LAYERED_PROVIDER;
    provider.name = "nothing";
    provider.effect = LAMINA_EFFECT_OBSERVE;
    provider.categories = LAMINA_CONNECTION | LAMINA_STREAM;
    provider.instantiate = instantiate;
    return asked->type == LAMINA_STARTUP_TYPE ? lamina_offer(result, providers, 1) : -EINVAL;
}
