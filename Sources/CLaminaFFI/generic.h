/// What the parts of generic interception share.
#ifndef GENERIC_H
#define GENERIC_H

#include <ffi.h>
#include <pthread.h>

#include "lamina_generic.h"

#pragma GCC visibility push(hidden)

typedef struct function function;
typedef struct lane lane;
typedef struct closing closing;
typedef struct proxy proxy;

/// Calls of one socket and lane are forwarded in their order.
enum { LANE_NONE = 0, LANE_OUT = 1, LANE_IN = 2 };

/// What a level does for itself when it forwards.
enum { PART_NONE = 0, PART_CLOSE = 1, PART_CONTROL = 2 };

/// How an argument is copied for a call that is made later.
enum {
    COPY_VALUE = 0,
    COPY_BUFFERS,
    COPY_ADDRESS,
    COPY_INSPECT_ID,
    COPY_SENT_MESSAGE,
    COPY_SENT_MESSAGES,
    COPY_RECEIVED_MESSAGES,
    COPY_OPERATION,
    COPY_OPEN_ARGUMENTS,
    COPY_QUERY,
    COPY_TEXT,
    COPY_UNKNOWN,
};

/// What a function answers.
enum {
    /// `lamina_status`.
    ANSWER_STATUS = 0,
    /// 64 bits.
    ANSWER_WHOLE,
    /// What is smaller, or nothing.
    ANSWER_OTHER,
};

enum { PARAMETERS = 32, BUCKETS = 64 };

/// Where each argument of a call stands.
typedef void *const *argument_places;
/// Calls `target` as a function of that signature. Answers what stands in the register of its result.
typedef uint64_t plain_call(const function *function, lamina_any_function target, argument_places places);

/// One function that is handled, as libffi knows it.
struct function {
    const lamina_signature *signature;
    lamina_generic *generic;
    /// The handler, or what forwards for one that doesn't want to see it.
    lamina_status (*call)(lamina_call *call);
    void *context;
    /// What makes the call at the next level; null where only libffi can.
    plain_call *plain;
    /// The index of the request among the parameters, -1 for none.
    int32_t request;
    uint8_t answer;
    uint8_t lane;
    uint8_t part;
    uint8_t can_wait;
    uint8_t is_wanted;
    /// Where a slot names its table of links, and the link's place in that, in bytes.
    uint32_t table;
    uint32_t link;
    /// `flags` of a call of this.
    uint64_t flags;
    ffi_cif cif;
    ffi_closure *closure;
    void *code;
    ffi_type *types[PARAMETERS];
    uint8_t copies[PARAMETERS];
};

/// One table of an extension.
typedef struct side {
    function *functions;
    uint32_t count;
    /// Bytes.
    uint32_t size;
} side;

/// An extension that the chain's manifests describe.
typedef struct extension {
    const char *uuid;
    side dispatch;
    side client;
} extension;

struct lamina_generic {
    lamina_generic_options options;
    /// The level, and each delayed call that somebody has.
    uint32_t references;
    /// How many lanes there are.
    uint32_t busy;
    pthread_mutex_t lock;
    lane *lanes[BUCKETS];
    closing *closings;
    proxy *proxies;
    function *functions;
    uint32_t count;
    uint32_t extension_count;
    extension *extensions;
    lamina_table *table;
    lamina_indications indications;
};

/// A call's arguments, copied.
typedef struct kept {
    void *arguments[PARAMETERS];
    uint64_t values[PARAMETERS];
    struct block *blocks;
    /// Messages whose levels get copies: what they write is theirs at completion.
    lamina_message *theirs;
    lamina_message *own;
    uint32_t messages;
    /// The same of a question for a name's addresses.
    lamina_resolve_arguments *their_query;
    lamina_resolve_arguments *own_query;
} kept;

/// Copies what the caller may forget. Null: no memory, or something that can't be copied, as `status` says.
kept *kept_make(const function *function, lamina_slot *slot, void *const *arguments, lamina_status *status);
/// Whether the levels below write into the copies.
int kept_is_written(const kept *kept);
/// Gives the caller what they wrote.
void kept_write_back(const kept *kept);
void kept_free(kept *kept);

/// How a call goes on: which note its watcher gets.
typedef struct passage {
    uint64_t note;
    uint64_t is_watched;
} passage;

/// Makes the call at the next level. `kept` is null, or the copies that `arguments` are, which are freed in time.
lamina_status issue(
    const function *function, lamina_slot *slot, lamina_request *request, void **arguments, passage passage, kept *kept);

/// The handler of every closure of a table.
void entered(ffi_cif *cif, void *result, void **arguments, void *data);
/// The handler of the closures of an extension's table.
void entered_extension(ffi_cif *cif, void *result, void **arguments, void *data);

/// Whether the slot has such a lane.
int lane_is_there(lamina_generic *generic, const lamina_slot *slot, uint32_t kind);

/// Whether a call of this lane must wait behind others.
static inline int lane_is_busy(const function *function, const lamina_slot *slot) {
    lamina_generic *generic = function->generic;
    return LAMINA_LIKELY(!__atomic_load_n(&generic->busy, __ATOMIC_ACQUIRE)) || function->lane == LANE_NONE
        ? 0
        : lane_is_there(generic, slot, function->lane);
}

/// Holds a call, ready to go on when it is its turn, or until its handler says so (`delayed` not null).
lamina_status delay(
    const function *function, lamina_slot *slot, lamina_request *request, void *const *arguments, passage passage,
    lamina_delayed **delayed);
/// Ends what is delayed of a socket, and passes its close on once none of its calls is on its way down.
lamina_status close_delayed(const function *function, lamina_slot *slot, lamina_request *request, passage passage);

/// The extension that an operation asks for, null where nobody described it.
const extension *extension_asked_for(const lamina_generic *generic, const lamina_operation *operation);
/// A table in the place of `original` that leads here, or `original` where there is none.
const void *proxy_table(lamina_generic *generic, lamina_slot *slot, const side *side, const void *original);
/// Frees the tables of a socket; of every one for a null slot.
void proxies_free(lamina_generic *generic, const lamina_slot *slot);

/// What calls a function of this signature, null where only libffi can: on processors that it doesn't know.
plain_call *plain_call_of(const lamina_signature *signature);

/// A closure of the function for `data`; 0 or a negative errno.
int make_closure(function *function, void (*handler)(ffi_cif *, void *, void **, void *), void *data,
    ffi_closure **closure, void **code);

void generic_retain(lamina_generic *generic);
void generic_release(lamina_generic *generic);

/// An argument of this kind, and back.
lamina_value value_of(uint32_t kind, const void *place);
void store_value(uint32_t kind, lamina_value value, void *place);
/// A result, of which libffi widens what is smaller than a register.
lamina_value value_of_result(uint32_t kind, const void *place);
void store_result(uint32_t kind, lamina_value value, void *place);

#pragma GCC visibility pop

#endif
