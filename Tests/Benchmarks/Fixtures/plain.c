#include "plain.h"

#include <stdlib.h>

#define SEND_PARAMETERS                                                                                                \
    void *self, const struct plain_buffer *buffers, uint32_t count, uint32_t flags, struct plain_result *result

static int32_t base(SEND_PARAMETERS) {
    (void)self;
    (void)count;
    (void)flags;
    result->status = 0;
    result->bytes = buffers->length;
    return 0;
}

static int32_t table_forward(SEND_PARAMETERS) {
    struct table_object *lower = ((struct table_object *)self)->lower;
    return lower->operations->send(lower, buffers, count, flags, result);
}

static int32_t table_watch(SEND_PARAMETERS) {
    const int32_t status = table_forward(self, buffers, count, flags, result);
    ((struct table_object *)self)->ended += 1;
    return status;
}

static const struct table_operations operations[] = {
    [PLAIN_BASE] = {.send = base},
    [PLAIN_FORWARD] = {.send = table_forward},
    [PLAIN_WATCH] = {.send = table_watch},
};

struct pair_layer {
    struct pair_object below;
    uint64_t ended;
};

static int32_t pair_forward(SEND_PARAMETERS) {
    const struct pair_object *below = &((struct pair_layer *)self)->below;
    return below->send(below->self, buffers, count, flags, result);
}

static int32_t pair_watch(SEND_PARAMETERS) {
    const int32_t status = pair_forward(self, buffers, count, flags, result);
    ((struct pair_layer *)self)->ended += 1;
    return status;
}

/// An object of this library's own code above `lower`, null for a base.
struct table_object *table_make(int32_t kind, struct table_object *lower) {
    struct table_object *object = calloc(1, sizeof *object);
    if (object) {
        object->operations = &operations[kind];
        object->lower = lower;
    }
    return object;
}

struct pair_object *pair_make(int32_t kind, const struct pair_object *lower) {
    static const plain_send sends[] = {base, pair_forward, pair_watch};
    struct pair_layer *layer = calloc(1, sizeof *layer);
    struct pair_object *object = calloc(1, sizeof *object);
    if (!layer || !object) {
        free(layer);
        free(object);
        return NULL;
    }
    if (lower) {
        layer->below = *lower;
    }
    object->send = sends[kind];
    object->self = layer;
    return object;
}
