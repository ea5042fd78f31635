// A layer with an extension whose functions do nothing.
#include "vendor.h"

static uint64_t count(void *context, const void *bytes, uint32_t length, uint32_t flags, void *more) {
    (void)context;
    (void)bytes;
    (void)flags;
    (void)more;
    return length;
}

static double scale(void *context, double value, float by, uint32_t flags, void *more) {
    (void)context;
    (void)flags;
    (void)more;
    return value * (double)by;
}

static const struct vendor_functions functions = {count, scale};

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (!lamina_is_extension(operation, VENDOR)) return lamina_control(slot, operation, request);
    lamina_extension *answer = operation->output;
    answer->context = 0;
    answer->dispatch = &functions;
    return lamina_complete(slot, request, 0, sizeof *answer);
}

static const lamina_table table = {.size = sizeof table, .version = LAMINA_ABI_VERSION, .control = control};

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
    (void)instance_arguments;
    instance->table = &table;
    return 0;
}

static const char *const declarations[] = {
    "uint64_t count(void *context, const void *bytes, uint32_t length, uint32_t flags, void *more)",
    "double scale(void *context, double value, float by, uint32_t flags, void *more)",
};

static const lamina_extension_declaration extensions[] = {
    {.uuid = VENDOR, .name = "vendor", .dispatch_count = 2, .dispatch = declarations},
};

static const lamina_provider provider = {
    .size = sizeof(lamina_provider),
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "vendor",
    .version = "1",
    .summary = "has an extension",
    .uuid = "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c007",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_ANY_CATEGORY,
    .instantiate = instantiate,
    .extension_count = 1,
    .extension_size = sizeof extensions[0],
    .extensions = extensions,
};

static const lamina_provider *const providers[] = {&provider};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
