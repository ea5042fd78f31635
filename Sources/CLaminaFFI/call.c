// A call on its way: from its closure to its handler, on to the next level, and back up.
#include "generic.h"

#include <stdlib.h>

lamina_value value_of(uint32_t kind, const void *place) {
    lamina_value value = {0};
    switch (kind) {
    case LAMINA_VALUE_INT8: value.integer = *(const int8_t *)place; break;
    case LAMINA_VALUE_UINT8: value.number = *(const uint8_t *)place; break;
    case LAMINA_VALUE_INT16: value.integer = *(const int16_t *)place; break;
    case LAMINA_VALUE_UINT16: value.number = *(const uint16_t *)place; break;
    case LAMINA_VALUE_INT32: value.integer = *(const int32_t *)place; break;
    case LAMINA_VALUE_UINT32: value.number = *(const uint32_t *)place; break;
    case LAMINA_VALUE_FLOAT: value.real = (double)*(const float *)place; break;
    case LAMINA_VALUE_NONE: break;
    default: memcpy(&value, place, sizeof value); break;
    }
    return value;
}

void store_value(uint32_t kind, lamina_value value, void *place) {
    switch (kind) {
    case LAMINA_VALUE_INT8:
    case LAMINA_VALUE_UINT8: *(uint8_t *)place = (uint8_t)value.number; break;
    case LAMINA_VALUE_INT16:
    case LAMINA_VALUE_UINT16: *(uint16_t *)place = (uint16_t)value.number; break;
    case LAMINA_VALUE_INT32:
    case LAMINA_VALUE_UINT32: *(uint32_t *)place = (uint32_t)value.number; break;
    case LAMINA_VALUE_FLOAT: *(float *)place = (float)value.real; break;
    case LAMINA_VALUE_NONE: break;
    default: memcpy(place, &value, sizeof value); break;
    }
}

static int is_narrow(uint32_t kind) { return kind >= LAMINA_VALUE_INT8 && kind <= LAMINA_VALUE_UINT32; }

lamina_value value_of_result(uint32_t kind, const void *place) {
    if (!is_narrow(kind)) return value_of(kind, place);
    // libffi widens integers to a register, but says nothing of what stands in its upper half.
    const ffi_arg wide = *(const ffi_arg *)place;
    lamina_value narrow = {.number = wide};
    uint64_t own = 0;
    store_value(kind, narrow, &own);
    return value_of(kind, &own);
}

void store_result(uint32_t kind, lamina_value value, void *place) {
    if (is_narrow(kind)) {
        *(ffi_arg *)place = (ffi_arg)value.number;
    } else {
        store_value(kind, value, place);
    }
}

lamina_value lamina_call_argument(const lamina_call *call, uint32_t index) {
    return value_of(call->signature->parameters[index].kind, call->arguments[index]);
}

void lamina_call_set_argument(lamina_call *call, uint32_t index, lamina_value value) {
    store_value(call->signature->parameters[index].kind, value, call->arguments[index]);
}

void entered(ffi_cif *cif, void *result, void **arguments, void *data) {
    (void)cif;
    const function *function = data;
    // What isn't written is a function's of an extension, or a watcher's.
    lamina_call call;
    call.signature = function->signature;
    call.slot = *(lamina_slot **)arguments[0];
    call.request = LAMINA_LIKELY(function->request >= 0) ? *(lamina_request **)arguments[function->request] : 0;
    call.arguments = arguments;
    call.context = function->context;
    call.function = function;
    call.flags = function->flags;
    // The level may be gone when a close returns.
    *(ffi_sarg *)result = function->call(&call);
}

/// What is left to do when an operation below has ended, beside telling its watcher.
typedef struct sequel {
    const function *function;
    passage passage;
    kept *kept;
    /// An extension's answer, and the extension.
    lamina_extension *answer;
    const extension *extension;
} sequel;

LAMINA_INLINE lamina_status tell(const function *function, lamina_slot *slot, lamina_request *request, uint64_t note) {
    const lamina_generic *generic = function->generic;
    if (!generic->options.ended) return 0;
    const lamina_ended_call call = {function->signature, slot, request, function->context, note};
    return generic->options.ended(&call);
}

static lamina_status watched(lamina_slot *slot, lamina_request *request, void *context) {
    // The request's frame is this one until it returns.
    return tell(context, slot, request, lamina_request_frame(request, request->frame_count)->scratch);
}

static lamina_status ended(lamina_slot *slot, lamina_request *request, void *context) {
    const sequel rest = *(sequel *)context;
    free(context);
    lamina_generic *generic = rest.function->generic;
    if (rest.kept) {
        kept_write_back(rest.kept);
        kept_free(rest.kept);
    }
    if (rest.answer && request->status >= 0 && request->bytes >= sizeof *rest.answer) {
        rest.answer->dispatch = proxy_table(generic, slot, &rest.extension->dispatch, rest.answer->dispatch);
    }
    if (rest.function->part == PART_CLOSE) proxies_free(generic, slot);
    return rest.passage.is_watched ? tell(rest.function, slot, request, rest.passage.note) : 0;
}

__attribute__((noinline)) static lamina_status call_by_libffi(
    const function *function, lamina_any_function target, void **arguments) {
    ffi_arg result;
    ffi_call((ffi_cif *)&function->cif, target, &result, arguments);
    return (lamina_status)result;
}

/// Follows the slot's link, and leaves no frame: many levels in a row are more than the processor remembers return
/// addresses of.
LAMINA_INLINE lamina_status pass(const function *function, lamina_slot *slot, void **arguments) {
    const char *table = *(const char *const *)(const void *)((const char *)slot + function->table);
    const lamina_link *link = (const lamina_link *)(const void *)(table + function->link);
    *(lamina_slot **)arguments[0] = (lamina_slot *)(void *)((char *)slot + link->distance);
    return LAMINA_LIKELY(function->plain) ? (lamina_status)function->plain(function, link->function, arguments)
                                          : call_by_libffi(function, link->function, arguments);
}

/// Makes a call whose end the level itself waits for.
LAMINA_OUT_OF_LINE lamina_status pass_with_sequel(const function *function, lamina_slot *slot, lamina_request *request,
    void **arguments, passage passage, kept *kept) {
    sequel *rest = calloc(1, sizeof *rest);
    if (!rest || !lamina_push(slot, request, ended, rest)) {
        free(rest);
        kept_free(kept);
        return lamina_complete(slot, request, -ENOMEM, 0);
    }
    *rest = (sequel){function, passage, kept, 0, 0};
    // The copies may be gone when the call returns.
    void *own[PARAMETERS];
    if (kept) arguments = memcpy(own, arguments, sizeof own);
    if (function->part != PART_CONTROL) return pass(function, slot, arguments);
    const lamina_operation *operation = *(const lamina_operation **)arguments[1];
    const extension *extension = extension_asked_for(function->generic, operation);
    if (!extension) return pass(function, slot, arguments);
    if (operation->output && operation->output_capacity >= sizeof *rest->answer) {
        rest->answer = operation->output;
        rest->extension = extension;
    }
    lamina_operation changed = *operation;
    lamina_extension *client = 0;
    if (operation->input && operation->input_length >= sizeof *client) client = malloc(operation->input_length);
    if (client) {
        memcpy(client, operation->input, operation->input_length);
        client->dispatch = proxy_table(function->generic, slot, &extension->client, client->dispatch);
        changed.input = client;
    }
    const lamina_operation *ours = &changed;
    void *theirs = arguments[1];
    arguments[1] = &ours;
    const lamina_status status = pass(function, slot, arguments);
    arguments[1] = theirs;
    free(client);
    return status;
}

__attribute__((noinline)) lamina_status issue(const function *function, lamina_slot *slot, lamina_request *request, void **arguments,
    passage passage, kept *kept) {
    const int needs_end = kept && kept_is_written(kept);
    const int is_extension = function->part == PART_CONTROL
        && extension_asked_for(function->generic, *(const lamina_operation **)arguments[1]);
    if (needs_end || is_extension || function->part == PART_CLOSE) {
        if (kept && !needs_end) {
            // What the levels below need longer, they copy.
            const lamina_status status = pass_with_sequel(function, slot, request, arguments, passage, 0);
            kept_free(kept);
            return status;
        }
        return pass_with_sequel(function, slot, request, arguments, passage, kept);
    }
    if (passage.is_watched && request) {
        lamina_frame *frame = lamina_push(slot, request, watched, (void *)function);
        if (!frame) {
            if (kept) kept_free(kept);
            return lamina_complete(slot, request, -ENOMEM, 0);
        }
        frame->scratch = passage.note;
    }
    const lamina_status status = pass(function, slot, arguments);
    if (kept) kept_free(kept);
    return status;
}

/// Calls an extension's own function.
__attribute__((noinline)) static lamina_status call_extension(lamina_call *call) {
    const function *function = call->function;
    uint64_t result[2] = {0, 0};
    // What has the size of a result is one.
    void *place = LAMINA_LIKELY(function->answer == ANSWER_WHOLE) ? &call->result : (void *)result;
    if (function->plain) {
        *(uint64_t *)place = function->plain(function, call->target, call->arguments);
    } else {
        ffi_call((ffi_cif *)&function->cif, call->target, place, call->arguments);
    }
    if (LAMINA_LIKELY(function->answer == ANSWER_WHOLE)) return 0;
    call->result = value_of_result(function->signature->result.kind, result);
    return function->answer == ANSWER_STATUS ? (lamina_status)call->result.integer : 0;
}

__attribute__((noinline)) static lamina_status forward_specially(lamina_call *call) {
    const function *function = call->function;
    const passage passage = {call->note, call->flags & LAMINA_CALL_WATCHED};
    if (function->part == PART_CLOSE) return close_delayed(function, call->slot, call->request, passage);
    if (lane_is_busy(function, call->slot)) {
        return delay(function, call->slot, call->request, call->arguments, passage, 0);
    }
    return issue(function, call->slot, call->request, call->arguments, passage, 0);
}

lamina_status lamina_call_forward(lamina_call *call) {
    const function *function = call->function;
    if (LAMINA_LIKELY(!call->flags && !__atomic_load_n(&function->generic->busy, __ATOMIC_ACQUIRE))) {
        return pass(function, call->slot, call->arguments);
    }
    return call->flags & LAMINA_CALL_EXTENSION ? call_extension(call) : forward_specially(call);
}

int lamina_call_can_wait(const lamina_call *call) {
    const function *function = call->function;
    return function->can_wait && !(call->request->flags & LAMINA_REQUEST_TRY);
}

lamina_status lamina_call_delay(lamina_call *call, lamina_delayed **delayed) {
    const function *function = call->function;
    *delayed = 0;
    if (!function->can_wait) return lamina_call_complete(call, -ENOTSUP, 0);
    const passage passage = {call->note, call->flags & LAMINA_CALL_WATCHED};
    return delay(function, call->slot, call->request, call->arguments, passage, delayed);
}
