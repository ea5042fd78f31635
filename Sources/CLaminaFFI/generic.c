// Making a level: its functions as libffi knows them, its closures, and its tables.
#include "generic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/// Writes why there is no level.
__attribute__((format(printf, 3, 4))) static lamina_status refuse(
    const lamina_instance_arguments *asked, lamina_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(asked->reason, asked->reason_capacity, format, arguments);
    va_end(arguments);
    return status;
}

static const char *table_name(uint32_t table) {
    switch (table) {
    case LAMINA_SIGNATURE_ENTRY: return "entry";
    case LAMINA_SIGNATURE_INDICATION: return "indication";
    default: return "function";
    }
}

static lamina_status refuse_closure(const lamina_instance_arguments *asked, const lamina_signature *signature) {
    return refuse(asked, -EPERM,
        "has no closure for the %s %s: libffi got no memory for code; use libffi 3.4 or newer, which needs none that is "
        "both writable and executable, or lift what forbids it (MemoryDenyWriteExecute, execmem)",
        table_name(signature->table), signature->name);
}

static const lamina_signature *signature_at(const lamina_instance_arguments *asked, uint32_t index) {
    return (const lamina_signature *)(const void *)((const char *)asked->signatures
        + (size_t)index * asked->signature_size);
}

static ffi_type *type_of(uint32_t kind) {
    switch (kind) {
    case LAMINA_VALUE_NONE: return &ffi_type_void;
    case LAMINA_VALUE_INT8: return &ffi_type_sint8;
    case LAMINA_VALUE_UINT8: return &ffi_type_uint8;
    case LAMINA_VALUE_INT16: return &ffi_type_sint16;
    case LAMINA_VALUE_UINT16: return &ffi_type_uint16;
    case LAMINA_VALUE_INT32: return &ffi_type_sint32;
    case LAMINA_VALUE_UINT32: return &ffi_type_uint32;
    case LAMINA_VALUE_INT64: return &ffi_type_sint64;
    case LAMINA_VALUE_UINT64: return &ffi_type_uint64;
    case LAMINA_VALUE_FLOAT: return &ffi_type_float;
    case LAMINA_VALUE_DOUBLE: return &ffi_type_double;
    case LAMINA_VALUE_POINTER: return &ffi_type_pointer;
    default: return 0;
    }
}

static int is_number(const lamina_parameter *parameter) {
    return parameter->kind >= LAMINA_VALUE_INT8 && parameter->kind <= LAMINA_VALUE_UINT64;
}

static uint8_t copy_of(const lamina_signature *signature, uint32_t index) {
    static const struct {
        const char *type;
        uint8_t copy;
    } known[] = {
        {"const lamina_address *", COPY_ADDRESS},
        {"const lamina_inspect_id *", COPY_INSPECT_ID},
        {"const lamina_message *", COPY_SENT_MESSAGE},
        {"const lamina_operation *", COPY_OPERATION},
        {"const lamina_open_arguments *", COPY_OPEN_ARGUMENTS},
        {"const char *", COPY_TEXT},
    };
    const lamina_parameter *parameter = &signature->parameters[index];
    if (parameter->kind != LAMINA_VALUE_POINTER) return COPY_VALUE;
    const int is_counted = index + 1 < signature->parameter_count && is_number(&signature->parameters[index + 1]);
    if (strcmp(parameter->type, "lamina_message *") == 0) {
        return signature->classes & LAMINA_CLASS_DATA_OUT ? COPY_SENT_MESSAGES : COPY_RECEIVED_MESSAGES;
    }
    if (strcmp(parameter->type, "lamina_resolve_arguments *") == 0) return COPY_QUERY;
    if (!parameter->is_constant) return COPY_VALUE;
    if (strcmp(parameter->type, "const lamina_buffer *") == 0) return is_counted ? COPY_BUFFERS : COPY_UNKNOWN;
    for (size_t number = 0; number < sizeof known / sizeof known[0]; number++) {
        if (strcmp(parameter->type, known[number].type) == 0) return known[number].copy;
    }
    return COPY_UNKNOWN;
}

static uint8_t answer_of(const lamina_parameter *result) {
    if (strcmp(result->type, "lamina_status") == 0) return ANSWER_STATUS;
    return type_of(result->kind)->size == sizeof(lamina_value) ? ANSWER_WHOLE : ANSWER_OTHER;
}

/// What libffi and the level need to know of a function. False where it can't be called.
static int describe(lamina_generic *generic, const lamina_signature *signature, function *function) {
    const uint32_t count = signature->parameter_count;
    ffi_type *result = type_of(signature->result.kind);
    memset(function, 0, sizeof *function);
    function->signature = signature;
    function->generic = generic;
    function->context = generic->options.context;
    function->request = -1;
    if (signature->is_field) return 1;
    if (!result || count > PARAMETERS) return 0;
    for (uint32_t index = 0; index < count; index++) {
        function->types[index] = type_of(signature->parameters[index].kind);
        if (!function->types[index] || function->types[index] == &ffi_type_void) return 0;
        function->copies[index] = copy_of(signature, index);
        if (strcmp(signature->parameters[index].type, "lamina_request *") == 0) function->request = (int32_t)index;
    }
    function->plain = plain_call_of(signature);
    function->answer = answer_of(&signature->result);
    const int is_entry = signature->table == LAMINA_SIGNATURE_ENTRY;
    const size_t links = is_entry ? offsetof(lamina_down, links) : offsetof(lamina_up, links);
    function->table = is_entry ? offsetof(lamina_slot, down) : offsetof(lamina_slot, up);
    function->link = (uint32_t)(links + signature->number * sizeof(lamina_link));
    if (is_entry && signature->classes & LAMINA_CLASS_DATA_OUT) function->lane = LANE_OUT;
    if (is_entry && signature->classes & LAMINA_CLASS_DATA_IN) function->lane = LANE_IN;
    function->can_wait = is_entry && function->request >= 0 && signature->number != LAMINA_ENTRY_RELEASE
        && (!(signature->classes & LAMINA_CLASS_LIFETIME) || signature->number == LAMINA_ENTRY_OPEN);
    for (uint32_t index = 0; index < count; index++) {
        if (function->copies[index] == COPY_UNKNOWN) function->can_wait = 0;
    }
    if (is_entry && signature->number == LAMINA_ENTRY_CLOSE) function->part = PART_CLOSE;
    const int is_control =
        signature->number == LAMINA_ENTRY_CONTROL || signature->number == LAMINA_ENTRY_PROVIDER_CONTROL;
    if (is_entry && is_control && generic->extension_count) function->part = PART_CONTROL;
    function->flags = function->part == PART_NONE ? 0 : LAMINA_CALL_SPECIAL;
    const int is_wanted =
        !generic->options.wants || generic->options.wants(signature, generic->options.context);
    function->is_wanted = is_wanted != 0;
    function->call = is_wanted ? generic->options.call : lamina_call_forward;
    return ffi_prep_cif(&function->cif, FFI_DEFAULT_ABI, count, result, function->types) == FFI_OK;
}

int make_closure(function *function, void (*handler)(ffi_cif *, void *, void **, void *), void *data,
    ffi_closure **closure, void **code) {
    *closure = ffi_closure_alloc(sizeof(ffi_closure), code);
    if (!*closure) return -EPERM;
    if (ffi_prep_closure_loc(*closure, &function->cif, handler, data, *code) == FFI_OK) return 0;
    ffi_closure_free(*closure);
    *closure = 0;
    return -EPERM;
}

/// Begins a table of an extension with the signatures from `index` on, and answers how many they are.
static lamina_status describe_side(
    lamina_generic *generic, const lamina_instance_arguments *asked, uint32_t *index, uint32_t table, side *side) {
    const char *uuid = signature_at(asked, *index)->extension;
    uint32_t count = 0;
    while (*index + count < asked->signature_count) {
        const lamina_signature *signature = signature_at(asked, *index + count);
        if (signature->table != table || !signature->extension || strcmp(signature->extension, uuid) != 0) break;
        count += 1;
    }
    if (!count) return 0;
    side->functions = calloc(count, sizeof(function));
    if (!side->functions) return refuse(asked, -ENOMEM, "has no memory for its functions");
    for (; side->count < count; side->count++, *index += 1) {
        const lamina_signature *signature = signature_at(asked, *index);
        function *function = &side->functions[side->count];
        if (!describe(generic, signature, function)) {
            return refuse(asked, -EINVAL, "can't call %s of the extension %s: libffi knows no such function",
                signature->declaration, signature->extension_title);
        }
        const size_t size = signature->is_field ? type_of(signature->result.kind)->size : sizeof(lamina_any_function);
        side->size = signature->offset + (uint32_t)size;
    }
    return 0;
}

static lamina_status describe_extensions(lamina_generic *generic, const lamina_instance_arguments *asked) {
    uint32_t index = generic->count, count = 0;
    generic->extensions = calloc(asked->signature_count - index + 1, sizeof(extension));
    if (!generic->extensions) return refuse(asked, -ENOMEM, "has no memory for its extensions");
    while (index < asked->signature_count) {
        extension *extension = &generic->extensions[count++];
        generic->extension_count = count;
        extension->uuid = signature_at(asked, index)->extension;
        if (!extension->uuid) return refuse(asked, -EINVAL, "got a signature of an unknown kind; install a newer one");
        const uint32_t before = index;
        lamina_status status =
            describe_side(generic, asked, &index, LAMINA_SIGNATURE_EXTENSION, &extension->dispatch);
        if (status == 0 && index < asked->signature_count) {
            const lamina_signature *next = signature_at(asked, index);
            if (next->extension && strcmp(next->extension, extension->uuid) == 0) {
                status =
                    describe_side(generic, asked, &index, LAMINA_SIGNATURE_EXTENSION_CLIENT, &extension->client);
            }
        }
        if (status < 0) return status;
        if (index == before) return refuse(asked, -EINVAL, "got a signature of an unknown kind; install a newer one");
    }
    return 0;
}

/// How many of the signatures are the framework's own, and how large its dispatch table is.
static size_t measure(lamina_generic *generic, const lamina_instance_arguments *asked) {
    size_t size = sizeof(lamina_table);
    for (; generic->count < asked->signature_count; generic->count++) {
        const lamina_signature *signature = signature_at(asked, generic->count);
        if (signature->table > LAMINA_SIGNATURE_INDICATION) break;
        const size_t end = signature->offset + sizeof(lamina_any_function);
        if (signature->table == LAMINA_SIGNATURE_ENTRY && end > size) size = end;
    }
    return size;
}

static lamina_status fill_tables(lamina_generic *generic, const lamina_instance_arguments *asked) {
    for (uint32_t index = 0; index < generic->count; index++) {
        const lamina_signature *signature = signature_at(asked, index);
        function *function = &generic->functions[index];
        if (!describe(generic, signature, function)) {
            return refuse(asked, -EINVAL, "can't call %s: libffi knows no such function", signature->declaration);
        }
        if (!function->is_wanted && function->part == PART_NONE) continue;
        const int is_entry = signature->table == LAMINA_SIGNATURE_ENTRY;
        // A newer framework's indications have no place in the table that this was compiled for.
        if (!is_entry && signature->offset + sizeof(lamina_any_function) > sizeof generic->indications) continue;
        if (make_closure(function, entered, function, &function->closure, &function->code) < 0) {
            return refuse_closure(asked, signature);
        }
        char *table = is_entry ? (char *)generic->table : (char *)&generic->indications;
        memcpy(table + signature->offset, &function->code, sizeof function->code);
    }
    return 0;
}

lamina_status lamina_generic_instantiate(const lamina_instance_arguments *asked,
    const lamina_generic_options *options, lamina_instance *instance) {
    const size_t needed = offsetof(lamina_instance_arguments, signature_size) + sizeof asked->signature_size;
    if (asked->size < needed) return refuse(asked, -EINVAL, "gets no signatures; install a newer Lamina");
    if (!asked->signatures || asked->signature_size < sizeof(lamina_signature)) {
        return refuse(asked, -EINVAL, "gets no signatures; declare LAMINA_PROVIDER_GENERIC in the provider's flags");
    }
    lamina_generic *generic = calloc(1, sizeof *generic);
    if (!generic) return refuse(asked, -ENOMEM, "has no memory");
    generic->options = *options;
    generic->references = 1;
    pthread_mutex_init(&generic->lock, 0);
    const size_t size = measure(generic, asked);
    generic->functions = calloc(generic->count, sizeof(function));
    generic->table = calloc(1, size);
    lamina_status status = generic->functions && generic->table ? 0 : refuse(asked, -ENOMEM, "has no memory");
    if (status == 0) status = describe_extensions(generic, asked);
    if (status == 0) status = fill_tables(generic, asked);
    if (status < 0) {
        lamina_generic_destroy(generic);
        return status;
    }
    generic->table->size = (uint32_t)size;
    generic->table->version = LAMINA_ABI_VERSION;
    generic->table->configure = options->configure;
    generic->indications.size = sizeof generic->indications;
    generic->indications.version = LAMINA_ABI_VERSION;
    instance->table = generic->table;
    instance->indications = &generic->indications;
    instance->context = generic;
    return 0;
}

void lamina_generic_destroy(void *context) {
    lamina_generic *generic = context;
    if (!generic) return;
    proxies_free(generic, 0);
    for (uint32_t index = 0; generic->functions && index < generic->count; index++) {
        if (generic->functions[index].closure) ffi_closure_free(generic->functions[index].closure);
    }
    generic_release(generic);
}

void generic_retain(lamina_generic *generic) { __atomic_add_fetch(&generic->references, 1, __ATOMIC_RELAXED); }

void generic_release(lamina_generic *generic) {
    if (__atomic_sub_fetch(&generic->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (uint32_t index = 0; index < generic->extension_count; index++) {
        free(generic->extensions[index].dispatch.functions);
        free(generic->extensions[index].client.functions);
    }
    free(generic->extensions);
    free(generic->functions);
    free(generic->table);
    pthread_mutex_destroy(&generic->lock);
    free(generic);
}
