// A layer that is configured by macros: which entries it fills, and what it does there.
#include <stdio.h>
#include <stdlib.h>

#include "lamina_provider.h"

#ifndef NAME
#define NAME "layer"
#endif

/// How many calls each socket's level has seen, in the instance: read through a socket's control.
static struct { uint64_t opens, closes, sends, completions; } seen;

static lamina_status closed(lamina_slot *slot, lamina_request *request, void *context) {
    seen.closes++;
    free(slot->context);
    return 0;
}

static lamina_status refused(lamina_slot *slot, lamina_request *request, void *context) {
    if (request->status < 0) {
        free(slot->context);
        slot->context = 0;
    }
    return 0;
}

static lamina_status open_socket(lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
#ifdef VETO
    if (open_arguments->flags & LAMINA_OPEN_FROM_BELOW) {
        return lamina_complete(slot, request, -EACCES, 0);
    }
#endif
    seen.opens++;
    slot->context = malloc(32);
    lamina_push(slot, request, refused, 0);
    return lamina_open(slot, open_arguments, request);
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    lamina_push(slot, request, closed, 0);
    return lamina_close(slot, request);
}

static lamina_status sent(lamina_slot *slot, lamina_request *request, void *context) {
    seen.completions++;
#ifdef FAIL_COMPLETION
    request->status = -EIO;
#endif
    return 0;
}

static lamina_status send_data(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    seen.sends++;
    if (!lamina_push(slot, request, sent, 0)) {
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status send_to(lamina_slot *slot, const lamina_message *message, uint32_t flags, lamina_request *request) {
    seen.sends++;
    return lamina_send_to(slot, message, flags, request);
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (operation->level == LAMINA_LEVEL && operation->kind == LAMINA_CONTROL_GET_OPTION && operation->code >= 100) {
        const uint64_t values[] = {seen.opens, seen.closes, seen.sends, seen.completions};
        *(int32_t *)operation->output = (int32_t)values[operation->code - 100];
        return lamina_complete(slot, request, 0, sizeof(int32_t));
    }
    return lamina_control(slot, operation, request);
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .control = control, .open = open_socket, .close = close_socket,
#ifdef SENDS
    .send = send_data,
#endif
#ifdef SENDS_TO
    .send_to = send_to,
#endif
};

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
    instance->table = &table;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof provider, .kind = LAMINA_LAYERED_PROVIDER, .name = NAME, .version = "1", .summary = "a layer",
    .uuid = "5a4c1f0e-6f43-4f0e-9b3e-2f4f6a6d0002", .effect = LAMINA_EFFECT_OBSERVE,
    .categories = LAMINA_ANY_CATEGORY, .instantiate = instantiate,
};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    static const lamina_provider *const providers[] = {&provider};
    return lamina_offer(result, providers, 1);
}
