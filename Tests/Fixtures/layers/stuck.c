// A layer whose sockets don't close until it is told by an option: a close that it holds is completed by another socket.
#include "layer.h"

/// The option that lets go, of this level.
#define STUCK_LEVEL 0x5afe

static lamina_slot *held_slot;
static lamina_request *held;

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    if (slot->context) return lamina_close(slot, request);
    upcalls_of(slot)->mark_pending(slot, request);
    held_slot = slot;
    __atomic_store_n(&held, request, __ATOMIC_RELEASE);
    return LAMINA_PENDING;
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (operation->level != STUCK_LEVEL) return lamina_control(slot, operation, request);
    // This socket itself is let through.
    slot->context = slot;
    lamina_request *waiting = __atomic_exchange_n(&held, (lamina_request *)0, __ATOMIC_ACQ_REL);
    if (waiting) lamina_close(held_slot, waiting);
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .close = close_socket, .control = control};

INSTANTIATE(table)

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "stuck",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_CONNECTION | LAMINA_LISTEN | LAMINA_DATAGRAM,
    .instantiate = instantiate,
};

OFFER(provider)
