// The arguments of a call that is made later, copied: its caller need not keep them.
#include "generic.h"

#include <stdlib.h>

/// Memory that goes with the copies.
struct block {
    struct block *next;
    max_align_t bytes[];
};

static void *allocate(kept *kept, size_t size) {
    struct block *block = malloc(sizeof *block + size);
    if (!block) return 0;
    block->next = kept->blocks;
    kept->blocks = block;
    return block->bytes;
}

static void *copy(kept *kept, const void *bytes, size_t size) {
    void *own = allocate(kept, size);
    if (own) memcpy(own, bytes, size);
    return own;
}

/// Copies what the message at `own` points to, of one that is sent its address and control data as well.
static int copy_message(kept *kept, lamina_message *own, int is_sent) {
    if (own->buffers) {
        own->buffers = copy(kept, own->buffers, own->buffer_count * sizeof *own->buffers);
        if (!own->buffers) return 0;
    }
    if (is_sent && own->address) {
        own->address = copy(kept, own->address, sizeof *own->address);
        if (!own->address) return 0;
    }
    if (is_sent && own->control) {
        own->control = copy(kept, own->control, own->control_length);
        if (!own->control) return 0;
    }
    return 1;
}

static void *copy_messages(kept *kept, void *messages, uint64_t count, int is_sent) {
    lamina_message *own = copy(kept, messages, count * sizeof *own);
    for (uint64_t index = 0; own && index < count; index++) {
        if (!copy_message(kept, &own[index], is_sent)) return 0;
    }
    return own;
}

static void *copy_operation(kept *kept, const lamina_operation *operation) {
    lamina_operation *own = copy(kept, operation, sizeof *own);
    if (own && own->input && own->input_length) {
        own->input = copy(kept, own->input, own->input_length);
        if (!own->input) return 0;
    }
    if (own && own->extension) {
        own->extension = copy(kept, own->extension, strlen(own->extension) + 1);
        if (!own->extension) return 0;
    }
    return own;
}

/// The number behind a pointer, which says how many it leads to; 1 where there is none.
static uint64_t count_behind(const function *function, void *const *arguments, uint32_t index) {
    const lamina_signature *signature = function->signature;
    if (index + 1 >= signature->parameter_count || strcmp(signature->parameters[index + 1].name, "count") != 0) {
        return 1;
    }
    return value_of(signature->parameters[index + 1].kind, arguments[index + 1]).number;
}

/// A copy of what a pointer leads to; null where there is no memory, or nothing is known of it.
static void *copy_pointee(
    kept *kept, const function *function, lamina_slot *slot, void *const *arguments, uint32_t index, void *pointee) {
    const uint64_t count = count_behind(function, arguments, index);
    switch (function->copies[index]) {
    case COPY_BUFFERS: return copy(kept, pointee, count * sizeof(lamina_buffer));
    case COPY_ADDRESS: return copy(kept, pointee, sizeof(lamina_address));
    case COPY_INSPECT_ID: return copy(kept, pointee, sizeof(lamina_inspect_id));
    case COPY_SENT_MESSAGE: return copy_messages(kept, pointee, 1, 1);
    case COPY_SENT_MESSAGES:
    case COPY_RECEIVED_MESSAGES:
        kept->theirs = pointee;
        kept->messages = (uint32_t)count;
        kept->own = copy_messages(kept, pointee, count, function->copies[index] == COPY_SENT_MESSAGES);
        return kept->own;
    case COPY_OPERATION: return copy_operation(kept, pointee);
    case COPY_QUERY:
        kept->their_query = pointee;
        kept->own_query = copy(kept, pointee, sizeof *kept->own_query);
        if (kept->own_query) kept->own_query->name = copy(kept, kept->own_query->name, strlen(kept->own_query->name) + 1);
        return kept->own_query && kept->own_query->name ? kept->own_query : 0;
    case COPY_TEXT: return copy(kept, pointee, strlen(pointee) + 1);
    case COPY_OPEN_ARGUMENTS: {
        lamina_open_arguments *own = copy(kept, pointee, sizeof *own);
        // The column's lives as long as the socket.
        if (own && own->origin) own->origin = slot->column->origin;
        return own;
    }
    default: return 0;
    }
}

kept *kept_make(const function *function, lamina_slot *slot, void *const *arguments, lamina_status *status) {
    *status = -ENOMEM;
    kept *kept = calloc(1, sizeof *kept);
    if (!kept) return 0;
    const lamina_signature *signature = function->signature;
    for (uint32_t index = 0; index < signature->parameter_count; index++) {
        const size_t size = function->types[index]->size;
        memcpy(&kept->values[index], arguments[index], size);
        kept->arguments[index] = &kept->values[index];
        void *pointee;
        if (function->copies[index] == COPY_VALUE) continue;
        memcpy(&pointee, arguments[index], sizeof pointee);
        if (!pointee) continue;
        void *own = copy_pointee(kept, function, slot, arguments, index, pointee);
        if (!own) {
            if (function->copies[index] == COPY_UNKNOWN) *status = -ENOTSUP;
            kept_free(kept);
            return 0;
        }
        memcpy(&kept->values[index], &own, sizeof own);
    }
    *status = 0;
    return kept;
}

int kept_is_written(const kept *kept) { return kept->messages || kept->their_query; }

void kept_write_back(const kept *kept) {
    if (kept->their_query) kept->their_query->count = kept->own_query->count;
    for (uint32_t index = 0; index < kept->messages; index++) {
        kept->theirs[index].flags = kept->own[index].flags;
        kept->theirs[index].bytes = kept->own[index].bytes;
        kept->theirs[index].control_length = kept->own[index].control_length;
    }
}

void kept_free(kept *kept) {
    if (!kept) return;
    while (kept->blocks) {
        struct block *block = kept->blocks;
        kept->blocks = block->next;
        free(block);
    }
    free(kept);
}
