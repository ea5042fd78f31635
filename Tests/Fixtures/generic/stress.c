// Delayed calls under threads, without a framework: one thread sends, one lets the calls go, one cancels. Built with the
// thread sanitizer. It ends with 0 if every call ended once, those that weren't cancelled in their order.
#include "lamina_generic.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 3000, BEHIND = 40 };

typedef struct {
    lamina_column column;
    lamina_slot slots[2];
} socket_of_test;

static socket_of_test own;
static lamina_request requests[CALLS];
static uint32_t ends[CALLS];
static lamina_delayed *queue[CALLS];
static uint32_t queued, issued, is_over, cancelled;
static int64_t last = -1;

static lamina_status complete(lamina_slot *slot, lamina_request *request) {
    (void)slot;
    __atomic_add_fetch(&ends[request - requests], 1, __ATOMIC_SEQ_CST);
    if (request->status == -ECANCELED) __atomic_add_fetch(&cancelled, 1, __ATOMIC_SEQ_CST);
    return request->status;
}

static lamina_status hold(lamina_slot *slot, lamina_request *request, lamina_cancel_function cancel) {
    request->cancel = cancel;
    request->holder = slot;
    const uint32_t before = __atomic_fetch_or(&request->state, LAMINA_STATE_HELD, __ATOMIC_SEQ_CST);
    if (!(before & LAMINA_STATE_CANCELLED)) return 0;
    __atomic_fetch_and(&request->state, ~(uint32_t)LAMINA_STATE_HELD, __ATOMIC_SEQ_CST);
    return -ECANCELED;
}

static void cancel(lamina_request *request) {
    uint32_t state = __atomic_load_n(&request->state, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(&request->state, &state,
        (state | LAMINA_STATE_CANCELLED) & ~(uint32_t)LAMINA_STATE_HELD, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    if (state & LAMINA_STATE_HELD) request->cancel(request->holder, request);
}

/// The level below: calls of one lane come one at a time, so nothing here is locked.
static lamina_status base_send(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (count != 1 || flags != 0 || (int64_t)buffers->length <= last) abort();
    last = (int64_t)buffers->length;
    return lamina_complete(slot, request, 0, buffers->length);
}

static lamina_status handle(lamina_call *call) {
    lamina_delayed *delayed;
    // Every third call is forwarded, and has its place behind those before it.
    if ((call->request - requests) % 3 == 2) return lamina_call_forward(call);
    const lamina_status status = lamina_call_delay(call, &delayed);
    if (!delayed) return status;
    queue[queued] = delayed;
    __atomic_store_n(&queued, queued + 1, __ATOMIC_RELEASE);
    return status;
}

static void *let_go(void *unused) {
    uint32_t done = 0;
    while (1) {
        const uint32_t over = __atomic_load_n(&is_over, __ATOMIC_ACQUIRE);
        const uint32_t count = __atomic_load_n(&queued, __ATOMIC_ACQUIRE);
        // Some stay behind, for the cancels.
        for (; done + (over ? 0 : BEHIND) < count; done++) lamina_delayed_forward(queue[done]);
        if (over && done == __atomic_load_n(&queued, __ATOMIC_ACQUIRE)) return unused;
        sched_yield();
    }
}

static void *cancel_some(void *unused) {
    for (uint32_t number = 0; number < CALLS; number += 5) {
        while (__atomic_load_n(&issued, __ATOMIC_ACQUIRE) <= number) sched_yield();
        cancel(&requests[number]);
    }
    return unused;
}

int main(void) {
    static const lamina_upcalls upcalls = {.size = sizeof upcalls, .complete = complete, .hold = hold};
    static lamina_down down = {.count = LAMINA_ENTRY_COUNT};
    static const lamina_parameter parameters[] = {
        {"slot", "lamina_slot *", LAMINA_VALUE_POINTER, 0}, {"buffers", "const lamina_buffer *", LAMINA_VALUE_POINTER, 1},
        {"count", "uint32_t", LAMINA_VALUE_UINT32, 0}, {"flags", "uint32_t", LAMINA_VALUE_UINT32, 0},
        {"request", "lamina_request *", LAMINA_VALUE_POINTER, 0}};
    static const lamina_signature send = {.size = sizeof send, .table = LAMINA_SIGNATURE_ENTRY,
        .number = LAMINA_ENTRY_SEND, .offset = offsetof(lamina_table, send), .classes = LAMINA_CLASS_DATA_OUT,
        .name = "send", .declaration = "send", .result = {"", "lamina_status", LAMINA_VALUE_INT32, 0},
        .parameter_count = 5, .parameters = parameters};
    static char reason[256];
    const lamina_instance_arguments asked = {.size = sizeof asked, .reason = reason, .reason_capacity = sizeof reason,
        .signatures = &send, .signature_count = 1, .signature_size = sizeof send};
    const lamina_generic_options options = {.call = handle};
    lamina_instance instance = {.size = sizeof instance};
    if (lamina_generic_instantiate(&asked, &options, &instance) < 0) return puts(reason), 1;
    own.column.upcalls = &upcalls;
    down.links[LAMINA_ENTRY_SEND] = (lamina_link){(lamina_any_function)base_send, sizeof(lamina_slot)};
    for (int level = 0; level < 2; level++) own.slots[level].column = &own.column;
    own.slots[0].down = &down;
    pthread_t threads[2];
    pthread_create(&threads[0], 0, let_go, 0);
    pthread_create(&threads[1], 0, cancel_some, 0);
    for (uint32_t number = 0; number < CALLS; number++) {
        lamina_buffer buffer = {0, number};
        lamina_request_prepare(&requests[number], 0, 0);
        requests[number].state = LAMINA_STATE_COUNTED;
        instance.table->send(&own.slots[0], &buffer, 1, 0, &requests[number]);
        buffer.length = 0;
        __atomic_store_n(&issued, number + 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int thread = 0; thread < 2; thread++) pthread_join(threads[thread], 0);
    lamina_generic_destroy(instance.context);
    uint32_t wrong = 0;
    for (uint32_t number = 0; number < CALLS; number++) wrong += ends[number] != 1;
    printf("%u calls ended wrongly, and %s were cancelled\n", wrong, cancelled ? "some" : "none");
    return wrong ? 1 : 0;
}
