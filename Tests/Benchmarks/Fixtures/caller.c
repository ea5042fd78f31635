// The loops that are measured, alike but for the call in them. Each answers the nanoseconds that `count` calls took
// after as many others, or -1 where one failed.
#include "lamina_socket.h"
#include "plain.h"
#include "vendor.h"

#include <time.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

#define MEASURE(prepare, call)                                                                                         \
    char bytes[64] = {0};                                                                                              \
    prepare;                                                                                                           \
    int32_t failures = 0;                                                                                              \
    int64_t begin = 0;                                                                                                 \
    for (int is_measured = 0; is_measured < 2; is_measured++) {                                                        \
        begin = now();                                                                                                 \
        for (uint64_t left = count; left > 0; left--) {                                                                \
            failures |= call;                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    const int64_t elapsed = now() - begin;                                                                             \
    return failures == 0 ? elapsed : -1;

#define LAMINA_PREPARED                                                                                                \
    const lamina_buffer buffer = {bytes, sizeof bytes};                                                                \
    lamina_request request;                                                                                            \
    lamina_request_prepare(&request, 0, 0)

#define PLAIN_PREPARED                                                                                                 \
    const struct plain_buffer buffer = {bytes, sizeof bytes};                                                          \
    struct plain_result request

/// A pointer into a library, and what it is called with.
int64_t measure_pointer(const lamina_direct_link *link, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(LAMINA_PREPARED, ((lamina_send_function)link->function)(link->slot, &buffer, 1, 0, &request))
}

int64_t measure_table(struct table_object *object, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(PLAIN_PREPARED, object->operations->send(object, &buffer, 1, 0, &request))
}

int64_t measure_pair(const struct pair_object *object, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(PLAIN_PREPARED, object->send(object->self, &buffer, 1, 0, &request))
}

/// From slot 0, as a layer calls: without the mark that lets close wait.
int64_t measure_slot(lamina_slot *slot, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(LAMINA_PREPARED, lamina_send(slot, &buffer, 1, 0, &request))
}

/// By the handle, as a program calls.
int64_t measure_socket(lamina_slot *slot, uint64_t generation, uint64_t count) {
    const lamina_socket socket = {slot, generation};
    MEASURE(LAMINA_PREPARED, lamina_socket_send(socket, &buffer, 1, 0, &request))
}

#define FUNCTIONS const struct vendor_functions *functions = object->dispatch

/// An extension's function that takes integers and pointers.
int64_t measure_integers(const lamina_extension *object, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(FUNCTIONS, functions->count(object->context, bytes, sizeof bytes, 0, bytes) != sizeof bytes)
}

/// One that takes floating point.
int64_t measure_reals(const lamina_extension *object, uint64_t unused, uint64_t count) {
    (void)unused;
    MEASURE(FUNCTIONS, functions->scale(object->context, 1.5, 0.5f, 0, bytes) != 0.75)
}
