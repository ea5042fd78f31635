// A layer that passes everything on, except connections to port 9.
#include "lamina_provider.h"

static lamina_status refuse_port_9(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    if (address->form == LAMINA_ADDRESS_SOCKET && ntohs(address->storage.ipv4.sin_port) == 9) {
        return lamina_complete(slot, request, -EACCES, 0);
    }
    return lamina_connect(slot, address, flags, request);
}

static lamina_status pass_send(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_send(slot, buffers, count, flags, request);
}

static const lamina_table table = {
    .size = sizeof(lamina_table), .version = LAMINA_ABI_VERSION, .connect = refuse_port_9, .send = pass_send};

static lamina_status instantiate(const lamina_instance_arguments *arguments, lamina_instance *instance) {
    (void)arguments;
    instance->table = &table;
    instance->effect = LAMINA_EFFECT_OBSERVE;
    return 0;
}

static const lamina_provider gate = {
    .size = sizeof(lamina_provider),
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "gate",
    .version = "1.0",
    .summary = "Refuses port 9",
    .uuid = "6d0b54c3-63e4-4f0c-9a1b-3ff1c4c3a6d1",
    .effect = LAMINA_EFFECT_OBSERVE,
    .categories = LAMINA_BASIC | LAMINA_LISTEN | LAMINA_CONNECTION | LAMINA_STREAM,
    .instantiate = instantiate,
};

static const lamina_provider *const providers[] = {&gate};

LAMINA_EXPORT lamina_status lamina_startup(const lamina_startup_arguments *arguments, lamina_startup_result *result) {
    (void)arguments;
    return lamina_offer(result, providers, 1);
}
