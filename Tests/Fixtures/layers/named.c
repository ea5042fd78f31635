// A layer that passes data on, whose name, place and size of table the compiler is told:
// -DNAME="alpha" -DPHASE=LAMINA_PHASE_PROXY -DTABLE_SIZE=offsetof(lamina_table,resolve), -DQUIET for one that touches no
// data, -DREFUSES=EACCES for one that refuses to connect.
#include "layer.h"

#include <stddef.h>

#ifndef PHASE
#define PHASE LAMINA_PHASE_NONE
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(lamina_table)
#endif

#ifdef QUIET
#define EFFECT LAMINA_EFFECT_NONE
#else
#define EFFECT LAMINA_EFFECT_OBSERVE
static lamina_status pass_on(lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags,
    lamina_request *request) {
    return lamina_send(slot, buffers, count, flags, request);
}
#endif

#ifdef REFUSES
static lamina_status refuse(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    (void)address;
    (void)flags;
    return lamina_complete(slot, request, -REFUSES, 0);
}
#endif

static const lamina_table table = {
    .size = TABLE_SIZE,
    .version = LAMINA_ABI_VERSION,
#ifndef QUIET
    .send = pass_on,
#endif
#ifdef REFUSES
    .connect = refuse,
#endif
};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    (void)asked;
    instance->table = &table;
    instance->effect = EFFECT;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = NAME,
    .version = "1",
    .summary = "passes data on",
    .effect = EFFECT,
    .handoff = LAMINA_HANDOFF_SHARE,
    .phase = PHASE,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .instantiate = instantiate,
};

OFFER(provider)
