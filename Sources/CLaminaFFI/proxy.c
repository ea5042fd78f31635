// The tables of extensions: in the place of those that two sides exchange, ones whose functions lead to the handler.
#include "generic.h"

#include <stdlib.h>

/// One function of an exchanged table.
typedef struct proxy_function {
    const function *function;
    lamina_slot *slot;
    lamina_any_function original;
    ffi_closure *closure;
} proxy_function;

struct proxy {
    proxy *next;
    const lamina_slot *slot;
    const side *side;
    const void *original;
    unsigned char *table;
    proxy_function functions[];
};

const extension *extension_asked_for(const lamina_generic *generic, const lamina_operation *operation) {
    for (uint32_t index = 0; index < generic->extension_count; index++) {
        if (lamina_is_extension(operation, generic->extensions[index].uuid)) return &generic->extensions[index];
    }
    return 0;
}

void entered_extension(ffi_cif *cif, void *result, void **arguments, void *data) {
    (void)cif;
    const proxy_function *proxy = data;
    const function *function = proxy->function;
    // No call of an extension has a note.
    lamina_call call;
    call.signature = function->signature;
    call.slot = proxy->slot;
    call.request = LAMINA_LIKELY(function->request < 0) ? 0 : *(lamina_request **)arguments[function->request];
    call.arguments = arguments;
    call.context = function->context;
    call.result = (lamina_value){0};
    call.function = function;
    call.target = proxy->original;
    call.flags = LAMINA_CALL_EXTENSION;
    const lamina_status status = function->call(&call);
    if (function->answer == ANSWER_WHOLE) {
        *(lamina_value *)result = call.result;
        return;
    }
    if (function->answer == ANSWER_STATUS) call.result.integer = status;
    store_result(function->signature->result.kind, call.result, result);
}

static void end(proxy *proxy) {
    for (uint32_t index = 0; index < proxy->side->count; index++) {
        if (proxy->functions[index].closure) ffi_closure_free(proxy->functions[index].closure);
    }
    free(proxy->table);
    free(proxy);
}

static proxy *make(lamina_slot *slot, const side *side, const void *original) {
    proxy *made = calloc(1, sizeof *made + side->count * sizeof made->functions[0]);
    if (!made) return 0;
    made->slot = slot;
    made->side = side;
    made->original = original;
    made->table = malloc(side->size);
    if (!made->table) {
        free(made);
        return 0;
    }
    memcpy(made->table, original, side->size);
    for (uint32_t index = 0; index < side->count; index++) {
        function *function = &side->functions[index];
        proxy_function *own = &made->functions[index];
        unsigned char *place = made->table + function->signature->offset;
        if (function->signature->is_field || !function->is_wanted) continue;
        memcpy(&own->original, place, sizeof own->original);
        if (!own->original) continue;
        own->function = function;
        own->slot = slot;
        void *code;
        if (make_closure(function, entered_extension, own, &own->closure, &code) < 0) {
            end(made);
            return 0;
        }
        memcpy(place, &code, sizeof code);
    }
    return made;
}

/// Says that an extension's calls pass unseen.
static void warn(lamina_slot *slot, const side *side) {
    const char *title = side->functions[0].signature->extension_title;
    static const char text[] = "no closure or memory for the extension ";
    char line[256];
    size_t length = sizeof text - 1, rest = strlen(title);
    if (rest > sizeof line - length - 64) rest = sizeof line - length - 64;
    memcpy(line, text, length);
    memcpy(line + length, title, rest);
    length += rest;
    static const char ending[] = ": its calls pass unseen";
    memcpy(line + length, ending, sizeof ending - 1);
    slot->column->upcalls->log(slot, LAMINA_LOG_WARNING, line, length + sizeof ending - 1);
}

const void *proxy_table(lamina_generic *generic, lamina_slot *slot, const side *side, const void *original) {
    if (!original || !side->count) return original;
    pthread_mutex_lock(&generic->lock);
    proxy *found = generic->proxies;
    while (found && (found->slot != slot || found->side != side || found->original != original)) found = found->next;
    if (!found) {
        found = make(slot, side, original);
        if (found) {
            found->next = generic->proxies;
            generic->proxies = found;
        }
    }
    pthread_mutex_unlock(&generic->lock);
    if (found) return found->table;
    warn(slot, side);
    return original;
}

void proxies_free(lamina_generic *generic, const lamina_slot *slot) {
    proxy *gone = 0;
    pthread_mutex_lock(&generic->lock);
    for (proxy **place = &generic->proxies; *place;) {
        proxy *proxy = *place;
        if (slot && proxy->slot != slot) {
            place = &proxy->next;
            continue;
        }
        *place = proxy->next;
        proxy->next = gone;
        gone = proxy;
    }
    pthread_mutex_unlock(&generic->lock);
    while (gone) {
        proxy *next = gone->next;
        end(gone);
        gone = next;
    }
}
