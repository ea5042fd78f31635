// Layered dispatch as it is usually written in C, in two shapes, with a send that has the arguments of Lamina's.
#ifndef PLAIN_H
#define PLAIN_H

#include <stddef.h>
#include <stdint.h>

struct plain_buffer {
    void *base;
    size_t length;
};

struct plain_result {
    int32_t status;
    uint64_t bytes;
};

typedef int32_t (*plain_send)(
    void *self, const struct plain_buffer *buffers, uint32_t count, uint32_t flags, struct plain_result *result);

/// Each object points to a table of operations and to the object below it.
struct table_object {
    const struct table_operations *operations;
    struct table_object *lower;
    uint64_t ended;
};

struct table_operations {
    void *before[7];
    plain_send send;
    void *after[24];
};

/// Each object holds the function below it, and what that function is called with.
struct pair_object {
    plain_send send;
    void *self;
};

enum { PLAIN_BASE, PLAIN_FORWARD, PLAIN_WATCH };

#endif
