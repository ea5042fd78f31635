/// Generic interception: one handler for any entry, indication or extension's function, those included that were unknown
/// when the plug-in was compiled. Calls are carried by closures of the system's libffi. The provider declares
/// `LAMINA_PROVIDER_GENERIC` and links liblamina-ffi.a and libffi (`pkg-config lamina-ffi`).
#ifndef LAMINA_GENERIC_H
#define LAMINA_GENERIC_H

#include "lamina_provider.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN
// Each plug-in has the library inside, and calls its own.
#pragma GCC visibility push(hidden)

/// A level that handles calls generically.
typedef struct lamina_generic lamina_generic;
/// A call that its handler left pending.
typedef struct lamina_delayed lamina_delayed;

/// An argument or a result.
typedef union lamina_value {
    /// Of a signed kind, widened.
    int64_t integer;
    /// Of an unsigned kind, widened.
    uint64_t number;
    /// `LAMINA_VALUE_FLOAT` too.
    double real;
    void *LAMINA_NULLABLE pointer;
} lamina_value;

/// One call on its way down, or an indication on its way up. Valid until the handler returns.
typedef struct lamina_call {
    /// What is called.
    const lamina_signature *signature;
    /// This level's slot, whose `context` is the layer's own; of `resolve` and its like one of the chain's own column.
    lamina_slot *slot;
    /// Null where there is none. Not to be touched once the call was forwarded, failed or delayed.
    lamina_request *LAMINA_NULLABLE request;
    /// Where each argument stands, in its own width.
    void *LAMINA_NONNULL *LAMINA_NONNULL arguments;
    /// `context` of the options.
    void *LAMINA_NULLABLE context;
    /// What an extension's function answers that answers no `lamina_status`; zero until the call was forwarded.
    lamina_value result;
    /// The library's.
    const void *LAMINA_NULLABLE function;
    lamina_any_function LAMINA_NULLABLE target;
    uint64_t note;
    /// `LAMINA_CALL_…`; 0 for a call that is only passed on.
    uint64_t flags;
} lamina_call;

/// The library's bits of a call.
enum {
    LAMINA_CALL_WATCHED = 1,
    /// A function of an extension.
    LAMINA_CALL_EXTENSION = 2,
    /// The level does something itself when it is forwarded.
    LAMINA_CALL_SPECIAL = 4,
};

/// An operation that has ended, on its way up.
typedef struct lamina_ended_call {
    const lamina_signature *signature;
    lamina_slot *slot;
    /// `status` and `bytes` may be changed.
    lamina_request *request;
    /// `context` of the options.
    void *LAMINA_NULLABLE context;
    /// What `lamina_call_watch` was given.
    uint64_t note;
} lamina_ended_call;

/// What a level does with calls.
typedef struct lamina_generic_options {
    /// Runs for each call, on the caller's thread; must not block. It forwards, completes or delays the call, once, and
    /// returns what that answered. What it returns for a function that answers no `lamina_status` isn't looked at:
    /// `result` is the answer.
    lamina_status (*call)(lamina_call *call);
    /// Runs when a watched operation has ended, or null: a completion frame (`lamina_completion`), with its rules. Returns
    /// 0, or `LAMINA_MORE_PROCESSING` to keep the request.
    lamina_status (*LAMINA_NULLABLE ended)(const lamina_ended_call *call);
    /// Whether the level wants to see this, or null for everything.
    int (*LAMINA_NULLABLE wants)(const lamina_signature *signature, void *LAMINA_NULLABLE context);
    /// The table's `configure`, or null.
    lamina_status (*LAMINA_NULLABLE configure)(
        void *LAMINA_NULLABLE instance, const lamina_setting *setting, char *reason, size_t reason_capacity);
    void *LAMINA_NULLABLE context;
} lamina_generic_options;

/// For `instantiate`: makes the tables of a level that handles what it wants generically, and puts them into `instance`
/// with the level as its context, which the caller may replace by one of its own. Allocates one closure for each function.
/// -EINVAL: the provider doesn't declare `LAMINA_PROVIDER_GENERIC`; -EPERM: the system gives no closures; -ENOMEM. Each
/// writes its reason.
lamina_status lamina_generic_instantiate(
    const lamina_instance_arguments *instance_arguments, const lamina_generic_options *options,
    lamina_instance *instance);

/// For `destroy`: ends a level, by the context that `lamina_generic_instantiate` gave the instance. Null is ignored.
void lamina_generic_destroy(void *LAMINA_NULLABLE generic);

/// Which parameter has this name, from 0; -1 for none.
LAMINA_INLINE int lamina_call_find(const lamina_call *call, const char *name) {
    for (uint32_t index = 0; index < call->signature->parameter_count; index++) {
        if (strcmp(call->signature->parameters[index].name, name) == 0) {
            return (int)index;
        }
    }
    return -1;
}

/// The argument at `index`, which must be there, widened.
lamina_value lamina_call_argument(const lamina_call *call, uint32_t index);

/// Changes the argument at `index`, which must be there, in its own width. What a pointer leads to must live until the call
/// was forwarded or delayed. The slot and the request are not to be changed.
void lamina_call_set_argument(lamina_call *call, uint32_t index, lamina_value value);

/// Lets `ended` run when the operation has ended, with `note`; before the call is forwarded or delayed. Without effect for
/// a call that has no request.
LAMINA_INLINE void lamina_call_watch(lamina_call *call, uint64_t note) {
    call->flags |= LAMINA_CALL_WATCHED;
    call->note = note;
}

/// Makes the call at the next level, or of an extension at the function that the level below gave, and answers what the
/// handler must return. Behind a delayed call of its lane (data out or data in of one socket) it waits until that was
/// forwarded, so that the order stays.
lamina_status lamina_call_forward(lamina_call *call);

/// Ends the call here, with 0 or a negative errno and a byte count, and answers what the handler must return.
LAMINA_INLINE lamina_status lamina_call_complete(lamina_call *call, lamina_status status, uint64_t bytes) {
    return call->request ? lamina_complete(call->slot, call->request, status, bytes) : status;
}

/// Whether `lamina_call_delay` can keep this call: not one whose caller only tries (`LAMINA_REQUEST_TRY`), and nothing
/// without a request, no `close`, `release` or handoff, and nothing with a pointer to constant memory whose size nobody
/// knows.
int lamina_call_can_wait(const lamina_call *call);

/// Keeps the call for later, and answers what the handler must return. LAMINA_PENDING: it is held, with copies of what its
/// caller may forget (descriptors of buffers, addresses, control data, input of operations, text), can be cancelled, and
/// `*delayed` is to be given to `lamina_delayed_forward` or `lamina_delayed_complete`, once. Else the call has ended:
/// -EAGAIN for a caller that only tries, -ENOTSUP for what else can't wait, -ENOMEM.
lamina_status lamina_call_delay(lamina_call *call, lamina_delayed *LAMINA_NULLABLE *LAMINA_NONNULL delayed);

/// Makes a delayed call at the next level: at once, or after those before it in its lane. -ECANCELED: it was cancelled
/// meanwhile, or its socket closed. Any thread. `delayed` is gone afterwards.
lamina_status lamina_delayed_forward(lamina_delayed *delayed);

/// Ends a delayed call with 0 or a negative errno. As `lamina_delayed_forward`.
lamina_status lamina_delayed_complete(lamina_delayed *delayed, lamina_status status, uint64_t bytes);

#pragma GCC visibility pop
LAMINA_NONNULL_END
LAMINA_C_END

#endif
