// A layer that handles every call generically: it forwards them, or watches how they end.
#include "lamina_generic.h"

static lamina_status forward(lamina_call *call) { return lamina_call_forward(call); }

static lamina_status watch(lamina_call *call) {
    lamina_call_watch(call, 0);
    return lamina_call_forward(call);
}

static lamina_status ended(const lamina_ended_call *call) {
    *(uint64_t *)call->context += 1;
    return 0;
}

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    static uint64_t count;
    const int watches = strcmp(asked->settings[0].text, "watch") == 0;
    const lamina_generic_options options = {watches ? watch : forward, ended, 0, 0, &count};
    return lamina_generic_instantiate(asked, &options, instance);
}

static const lamina_setting_declaration settings[] = {
    {.name = "mode",
        .type = LAMINA_SETTING_CHOICE,
        .choices = "forward|watch",
        .default_value = "forward",
        .help = "what it does with a call"},
};

static const lamina_provider provider = {
    .size = sizeof(lamina_provider),
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "generic",
    .version = "1",
    .summary = "does nothing",
    .uuid = "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c004",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_ANY_CATEGORY,
    .flags = LAMINA_PROVIDER_GENERIC,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = lamina_generic_destroy,
};

static const lamina_provider *const providers[] = {&provider};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
