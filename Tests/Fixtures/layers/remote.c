// Names ending in ".remote" are resolved on the other side: look-ups answer the name itself, and a connect to such a name
// goes to `port` of this host, with a line that says which name it was. It touches no data, so its effect is none.
#include "layer.h"

#include <stdio.h>
#include <strings.h>

static int is_remote(const char *name, size_t length) {
    static const char ending[] = ".remote";
    if (length && name[length - 1] == '.') length--;
    return length > sizeof ending - 1
        && strncasecmp(name + length - (sizeof ending - 1), ending, sizeof ending - 1) == 0;
}

static lamina_status resolve(lamina_slot *slot, lamina_resolve_arguments *query, lamina_request *request) {
    const size_t length = strlen(query->name);
    if (!is_remote(query->name, length)) return lamina_resolve(slot, query, request);
    query->count = 0;
    if (query->capacity && length < sizeof query->addresses->storage.name) {
        lamina_address *answer = query->addresses;
        memset(answer, 0, sizeof *answer);
        answer->form = LAMINA_ADDRESS_NAME;
        answer->port = query->port;
        answer->length = (uint32_t)length;
        memcpy(answer->storage.name, query->name, length + 1);
        query->count = 1;
    }
    return lamina_complete(slot, request, 0, query->count);
}

static lamina_status connect_remote(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    if (address->form != LAMINA_ADDRESS_NAME || !is_remote(address->storage.name, address->length)) {
        return lamina_connect(slot, address, flags, request);
    }
    char line[320];
    const int length = snprintf(line, sizeof line, "remote: %s %u\n", address->storage.name, address->port);
    upcalls_of(slot)->output(slot, line, (size_t)length);
    if (strncmp(address->storage.name, "refused.", 8) == 0) return lamina_complete(slot, request, -ECONNREFUSED, 0);
    return lamina_connect(slot, lamina_instance_context(slot), flags, request);
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .connect = connect_remote, .resolve = resolve};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    instance->table = &table;
    instance->context = loopback_target(asked);
    return instance->context ? 0 : -ENOMEM;
}

static const lamina_setting_declaration settings[] = {
    {.name = "port", .type = LAMINA_SETTING_INTEGER, .flags = LAMINA_SETTING_REQUIRED, .help = "where names lead"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "remote",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_PROXY,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
