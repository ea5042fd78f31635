// A layer that keeps a send inside until it is told to go on, and notes whether its socket was closed meanwhile.
#include "layer.h"

#include <sched.h>

/// Options of this level: whether a send is inside, let it go on, whether a close came meanwhile.
enum { INSIDE_LEVEL = 0x5aff, IS_INSIDE = 1, GO_ON = 2, WAS_CLOSED = 3 };

static int is_inside, goes_on, was_closed;

static lamina_status send_bytes(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    __atomic_store_n(&is_inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&goes_on, __ATOMIC_SEQ_CST)) sched_yield();
    __atomic_store_n(&is_inside, 0, __ATOMIC_SEQ_CST);
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    if (__atomic_load_n(&is_inside, __ATOMIC_SEQ_CST)) __atomic_store_n(&was_closed, 1, __ATOMIC_SEQ_CST);
    return lamina_close(slot, request);
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (operation->level != INSIDE_LEVEL) return lamina_control(slot, operation, request);
    if (operation->code == GO_ON) __atomic_store_n(&goes_on, 1, __ATOMIC_SEQ_CST);
    const int answer = __atomic_load_n(operation->code == IS_INSIDE ? &is_inside : &was_closed, __ATOMIC_SEQ_CST);
    return lamina_complete(slot, request, answer ? 0 : -ENOENT, 0);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .close = close_socket,
    .control = control,
    .send = send_bytes,
};

INSTANTIATE(table)

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "inside",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_CONNECTION | LAMINA_LISTEN,
    .instantiate = instantiate,
};

OFFER(provider)
