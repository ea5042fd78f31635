// Counts what a program sends, and says how much it was when a socket has closed.
#include "lamina_provider.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/// What the layer keeps for each socket: made at open, freed once its close has ended.
typedef struct state {
    atomic_ullong sent;
} state;

static void say(lamina_slot *slot) {
    char line[128];
    state *state = slot->context;
    const lamina_upcalls *upcalls = slot->column->upcalls;
    const int length = snprintf(
        line, sizeof line, "lamina: %s: %llu bytes sent\n", upcalls->label(slot), atomic_load(&state->sent));
    upcalls->output(slot, line, (size_t)length);
}

/// Runs when the open has ended, on whatever thread. A socket that didn't open is never closed.
static lamina_status opened(lamina_slot *slot, lamina_request *request, void *unused) {
    (void)unused;
    if (request->status < 0) {
        free(slot->context);
        slot->context = 0;
    }
    return 0;
}

static lamina_status open_counted(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    slot->context = calloc(1, sizeof(state));
    if (!slot->context || !lamina_push(slot, request, opened, 0)) {
        free(slot->context);
        slot->context = 0;
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return lamina_open(slot, open_arguments, request);
}

static lamina_status closed(lamina_slot *slot, lamina_request *request, void *unused) {
    (void)request;
    (void)unused;
    say(slot);
    free(slot->context);
    slot->context = 0;
    return 0;
}

static lamina_status close_counted(lamina_slot *slot, lamina_request *request) {
    // A close can't fail; without room for the frame nothing is said.
    if (!lamina_push(slot, request, closed, 0)) {
        free(slot->context);
        slot->context = 0;
    }
    return lamina_close(slot, request);
}

static lamina_status sent(lamina_slot *slot, lamina_request *request, void *unused) {
    state *state = slot->context;
    (void)unused;
    atomic_fetch_add_explicit(&state->sent, request->bytes, memory_order_relaxed);
    return 0;
}

static lamina_status send_counted(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!lamina_push(slot, request, sent, 0)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_send(slot, buffers, count, flags, request);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_counted,
    .close = close_counted,
    .send = send_counted,
};

static lamina_status instantiate(const lamina_instance_arguments *arguments, lamina_instance *instance) {
    (void)arguments;
    instance->table = &table;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "__name__",
    .version = "1.0",
    .summary = "counts the bytes that a program sends",
    .uuid = "__uuid__",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_LISTEN | LAMINA_CONNECTION | LAMINA_STREAM,
    .instantiate = instantiate,
};

/// The one symbol that the library exports (WSPStartup).
LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    static const lamina_provider *const providers[] = {&provider};
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
