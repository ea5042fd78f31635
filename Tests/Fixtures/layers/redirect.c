// A redirector: what is connected to goes to another port of this host. It touches no data, so its effect is none and
// data calls pass it by at no cost.
#include "layer.h"

static lamina_status redirect(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    const lamina_address *target = lamina_instance_context(slot);
    (void)address;
    return lamina_connect(slot, target, flags, request);
}

static const lamina_table table = {.size = sizeof table, .version = LAMINA_ABI_VERSION, .connect = redirect};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    instance->table = &table;
    instance->context = loopback_target(asked);
    return instance->context ? 0 : -ENOMEM;
}

static const lamina_setting_declaration settings[] = {
    {.name = "port", .type = LAMINA_SETTING_INTEGER, .flags = LAMINA_SETTING_REQUIRED, .help = "where it goes"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "redirect",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_REDIRECTOR,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
