// A base that reaches nothing: every operation ends at once.
#include "lamina_provider.h"

static lamina_status open_null(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    (void)open_arguments;
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status close_null(lamina_slot *slot, lamina_request *request) {
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status connect_null(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    (void)address;
    (void)flags;
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status transfer_null(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    (void)count;
    (void)flags;
    return lamina_complete(slot, request, 0, buffers->length);
}

/// What the base's link for `send` holds, for a caller without any chain.
LAMINA_EXPORT lamina_send_function null_send(void) {
    return transfer_null;
}

static const lamina_table table = {
    .size = sizeof(lamina_table),
    .version = LAMINA_ABI_VERSION,
    .open = open_null,
    .close = close_null,
    .connect = connect_null,
    .send = transfer_null,
    .receive = transfer_null,
};

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
    (void)instance_arguments;
    instance->table = &table;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof(lamina_provider),
    .kind = LAMINA_BASE_PROVIDER,
    .name = "null",
    .version = "1",
    .summary = "reaches nothing",
    .uuid = "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c001",
    .categories = LAMINA_CONNECTION,
    .instantiate = instantiate,
};

static const lamina_provider *const providers[] = {&provider};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
