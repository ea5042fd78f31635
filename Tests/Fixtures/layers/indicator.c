// A base that raises indications: what is sent to it is indicated as received, in a node of its own memory that a
// client may retain; a disconnect is indicated as the peer's.
#include "layer.h"

#include <stdlib.h>

/// Takes a retained node back (what a client's `release` ends in).
static void reclaim(lamina_data *node, void *context) {
    (void)context;
    free(node);
}

/// What the level above wants is kept as the slot's context.
static int is_enabled(const lamina_slot *slot, uint32_t indication) {
    return (uintptr_t)slot->context >> indication & 1;
}

static lamina_status succeed(lamina_slot *slot, lamina_request *request) {
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status open_base(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    (void)open_arguments;
    return succeed(slot, request);
}

static lamina_status connect_base(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    (void)address, (void)flags;
    return succeed(slot, request);
}

static lamina_status send_base(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    size_t length = 0;
    (void)flags;
    for (uint32_t index = 0; index < count; index++) length += buffers[index].length;
    if (length && is_enabled(slot, LAMINA_INDICATION_RECEIVE)) {
        lamina_data *node = calloc(1, sizeof *node + length);
        if (!node) return lamina_complete(slot, request, -ENOMEM, 0);
        unsigned char *next = (unsigned char *)(node + 1);
        node->buffer = (lamina_buffer){next, length};
        node->owner = reclaim;
        for (uint32_t index = 0; index < count; index++) {
            if (buffers[index].length) memcpy(next, buffers[index].base, buffers[index].length);
            next += buffers[index].length;
        }
        lamina_receive_event event = {node, length, length};
        if (lamina_indicate_receive(slot, &event) != LAMINA_PENDING) reclaim(node, 0);
    }
    return lamina_complete(slot, request, 0, length);
}

static lamina_status receive_base(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    (void)buffers, (void)count, (void)flags;
    return lamina_complete(slot, request, -EOPNOTSUPP, 0);
}

static lamina_status disconnect_base(lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags,
    lamina_request *request) {
    (void)buffers, (void)count;
    if (is_enabled(slot, LAMINA_INDICATION_DISCONNECT)) {
        lamina_disconnect_event event = {flags & LAMINA_DISCONNECT_ABORTIVE, 0};
        (void)lamina_indicate_disconnect(slot, &event);
    }
    return succeed(slot, request);
}

static lamina_status enable_base(lamina_slot *slot, uint32_t set, uint32_t clear, lamina_request *request) {
    slot->context = (void *)(((uintptr_t)slot->context | set) & ~(uintptr_t)clear);
    return succeed(slot, request);
}

static lamina_status release_base(lamina_slot *slot, lamina_data *nodes, lamina_request *request) {
    while (nodes) {
        lamina_data *node = nodes;
        nodes = node->next;
        node->owner(node, node->owner_context);
    }
    return succeed(slot, request);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_base,
    .close = succeed,
    .connect = connect_base,
    .send = send_base,
    .receive = receive_base,
    .disconnect = disconnect_base,
    .release = release_base,
    .enable_indications = enable_base,
};

INSTANTIATE(table)

static const lamina_protocol protocols[] = {{.family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP,
    .provider_flags = LAMINA_PROTOCOL_MATCHES_ZERO}};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_BASE_PROVIDER,
    .name = "indicator",
    .handoff = LAMINA_HANDOFF_NONE,
    .categories = LAMINA_CONNECTION,
    .protocol_count = 1,
    .protocol_size = sizeof(lamina_protocol),
    .protocols = protocols,
    .instantiate = instantiate,
};

OFFER(provider)
