// A layer that forwards sends, watches their completion, or leaves them to the levels below.
#include "lamina_provider.h"

#include <stdlib.h>

/// The socket's context is where its level counts the sends that ended.
static lamina_status open_layer(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    slot->context = lamina_instance_context(slot);
    return lamina_open(slot, open_arguments, request);
}

static lamina_status forward(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status ended(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot;
    (void)request;
    *(uint64_t *)context += 1;
    return 0;
}

static lamina_status watch(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!lamina_push(slot, request, ended, slot->context)) {
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status bind_layer(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    return lamina_bind(slot, address, flags, request);
}

#define TABLE(...)                                                                                                     \
    {.size = sizeof(lamina_table), .version = LAMINA_ABI_VERSION, .open = open_layer, __VA_ARGS__}

static const lamina_table forwarding = TABLE(.send = forward);
static const lamina_table watching = TABLE(.send = watch);
static const lamina_table apart = TABLE(.bind = bind_layer);

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
    const char *mode = instance_arguments->settings[0].text;
    instance->table = strcmp(mode, "forward") == 0 ? &forwarding : strcmp(mode, "watch") == 0 ? &watching : &apart;
    instance->context = calloc(1, sizeof(uint64_t));
    return instance->context ? 0 : -ENOMEM;
}

static void destroy(void *context) {
    free(context);
}

static const lamina_setting_declaration settings[] = {
    {.name = "mode",
        .type = LAMINA_SETTING_CHOICE,
        .choices = "forward|watch|apart",
        .default_value = "forward",
        .help = "what it does with a send"},
};

static const lamina_provider provider = {
    .size = sizeof(lamina_provider),
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "layer",
    .version = "1",
    .summary = "does nothing",
    .uuid = "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c002",
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_ANY_CATEGORY,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = destroy,
};

static const lamina_provider *const providers[] = {&provider};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
