// What generic interception costs at least: chains of libffi closures, each of which calls the next by ffi_call.
#include "plain.h"
#include "vendor.h"

#include <ffi.h>
#include <stdlib.h>

typedef void handler(ffi_cif *own, void *result, void **arguments, void *data);

static void *make(ffi_cif *cif, ffi_type *result, ffi_type **types, handler *handler, void *data) {
    void *code;
    ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
    if (!closure || ffi_prep_cif(cif, FFI_DEFAULT_ABI, 5, result, types) != FFI_OK
        || ffi_prep_closure_loc(closure, cif, handler, data, code) != FFI_OK) {
        return NULL;
    }
    return code;
}

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
    static ffi_cif cif;
    static ffi_type *types[] = {
        &ffi_type_pointer, &ffi_type_pointer, &ffi_type_uint32, &ffi_type_uint32, &ffi_type_pointer};
    struct pair_object *object = calloc(1, sizeof *object);
    struct pair_object *below = calloc(1, sizeof *below);
    (void)kind;
    if (!object || !below) return NULL;
    object->send = base;
    if (!lower) return object;
    *below = *lower;
    object->send = (plain_send)make(&cif, &ffi_type_sint32, types, forward, below);
    return object->send ? object : NULL;
}

static uint64_t count(void *context, const void *bytes, uint32_t length, uint32_t flags, void *more) {
    (void)context;
    (void)bytes;
    (void)flags;
    (void)more;
    return length;
}

static double scale(void *context, double value, float by, uint32_t flags, void *more) {
    (void)context;
    (void)flags;
    (void)more;
    return value * (double)by;
}

static void forward_function(ffi_cif *own, void *result, void **arguments, void *data) {
    ffi_call(own, FFI_FN(data), result, arguments);
}

/// An extension's functions, or closures that lead to those of `lower`.
lamina_extension *closure_extension(int32_t kind, const lamina_extension *lower) {
    static ffi_cif count_cif, scale_cif;
    static ffi_type *count_types[] = {
        &ffi_type_pointer, &ffi_type_pointer, &ffi_type_uint32, &ffi_type_uint32, &ffi_type_pointer};
    static ffi_type *scale_types[] = {
        &ffi_type_pointer, &ffi_type_double, &ffi_type_float, &ffi_type_uint32, &ffi_type_pointer};
    lamina_extension *object = calloc(1, sizeof *object);
    struct vendor_functions *functions = calloc(1, sizeof *functions);
    (void)kind;
    if (!object || !functions) return NULL;
    object->dispatch = functions;
    *functions = (struct vendor_functions){count, scale};
    if (!lower) return object;
    const struct vendor_functions *below = lower->dispatch;
    void *counts = make(&count_cif, &ffi_type_uint64, count_types, forward_function, (void *)below->count);
    void *scales = make(&scale_cif, &ffi_type_double, scale_types, forward_function, (void *)below->scale);
    if (!counts || !scales) return NULL;
    functions->count = (uint64_t(*)(void *, const void *, uint32_t, uint32_t, void *))counts;
    functions->scale = (double (*)(void *, double, float, uint32_t, void *))scales;
    return object;
}
