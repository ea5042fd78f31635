// What generic interception costs at least: a chain of libffi closures, each of which calls the next by ffi_call.
#include "plain.h"

#include <ffi.h>
#include <stdlib.h>

static ffi_cif cif;
static ffi_type *types[] = {
    &ffi_type_pointer, &ffi_type_pointer, &ffi_type_uint32, &ffi_type_uint32, &ffi_type_pointer};

static int32_t base(
    void *self, const struct plain_buffer *buffers, uint32_t count, uint32_t flags, struct plain_result *result) {
    (void)self;
    (void)count;
    (void)flags;
    result->status = 0;
    result->bytes = buffers->length;
    return 0;
}

static void forward(ffi_cif *own, void *result, void **arguments, void *data) {
    struct pair_object *below = data;
    arguments[0] = &below->self;
    ffi_call(own, FFI_FN(below->send), result, arguments);
}

struct pair_object *closure_make(int32_t kind, const struct pair_object *lower) {
    struct pair_object *object = calloc(1, sizeof *object);
    struct pair_object *below = calloc(1, sizeof *below);
    void *code;
    (void)kind;
    if (!object || !below) return NULL;
    object->send = base;
    if (!lower) return object;
    *below = *lower;
    ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
    if (!closure || ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 5, &ffi_type_sint32, types) != FFI_OK
        || ffi_prep_closure_loc(closure, &cif, forward, below, code) != FFI_OK) {
        return NULL;
    }
    object->send = (plain_send)code;
    return object;
}
