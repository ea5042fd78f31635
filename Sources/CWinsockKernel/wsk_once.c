// Initialization that happens once. The low bits of the word say how far it is, the others are the client's context.
#include "wsk_internal.h"

enum { NOT_BEGUN = 0, UNDER_WAY = 1, DONE = 2, BITS = 3 };

#define CALLER __builtin_return_address(0)

static PVOID context_of(ULONG_PTR word) { return (PVOID)(word & ~(ULONG_PTR)BITS); }

static NTSTATUS begin(PRTL_RUN_ONCE once, ULONG flags, PVOID *context, const void *caller) {
    if (flags & ~(ULONG)RTL_RUN_ONCE_CHECK_ONLY) {
        return STATUS_INVALID_PARAMETER;
    }
    ULONG_PTR *const word = (ULONG_PTR *)(void *)&once->Ptr;
    pthread_mutex_t *const mutex = wsk_mutex(WSK_MUTEX_ONCE);
    NTSTATUS status = STATUS_SUCCESS;
    pthread_mutex_lock(mutex);
    while ((*word & BITS) == UNDER_WAY && !(flags & RTL_RUN_ONCE_CHECK_ONLY)) {
        wsk_require_irql("RtlRunOnceBeginInitialize", APC_LEVEL, caller);
        pthread_cond_wait(wsk_condition(WSK_CONDITION_ONCE), mutex);
    }
    if ((*word & BITS) == DONE) {
        if (context) {
            *context = context_of(*word);
        }
    } else if (flags & RTL_RUN_ONCE_CHECK_ONLY) {
        status = STATUS_UNSUCCESSFUL;
    } else {
        *word = UNDER_WAY;
        status = STATUS_PENDING;
    }
    pthread_mutex_unlock(mutex);
    return status;
}

static NTSTATUS complete(PRTL_RUN_ONCE once, ULONG flags, PVOID context, const void *caller) {
    ULONG_PTR *const word = (ULONG_PTR *)(void *)&once->Ptr;
    const int has_failed = (flags & RTL_RUN_ONCE_INIT_FAILED) != 0;
    if (((ULONG_PTR)context & BITS) || (has_failed && context) || (flags & ~(ULONG)RTL_RUN_ONCE_INIT_FAILED)) {
        return STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_t *const mutex = wsk_mutex(WSK_MUTEX_ONCE);
    pthread_mutex_lock(mutex);
    const int is_under_way = (*word & BITS) == UNDER_WAY;
    if (is_under_way) {
        *word = has_failed ? NOT_BEGUN : (ULONG_PTR)context | DONE;
        pthread_cond_broadcast(wsk_condition(WSK_CONDITION_ONCE));
    }
    pthread_mutex_unlock(mutex);
    if (!is_under_way) {
        wsk_trap("RtlRunOnceComplete", "no initialization is under way", caller);
    }
    return is_under_way ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

NTSTATUS RtlRunOnceBeginInitialize(PRTL_RUN_ONCE once, ULONG flags, PVOID *context) {
    WSK_OWN_CODE;
    return begin(once, flags, context, CALLER);
}

NTSTATUS RtlRunOnceComplete(PRTL_RUN_ONCE once, ULONG flags, PVOID context) {
    WSK_OWN_CODE;
    return complete(once, flags, context, CALLER);
}

NTSTATUS RtlRunOnceExecuteOnce(PRTL_RUN_ONCE once, PRTL_RUN_ONCE_INIT_FN routine, PVOID parameter, PVOID *context) {
    WSK_OWN_CODE;
    if (context) {
        *context = NULL;
    }
    const NTSTATUS status = begin(once, 0, context, CALLER);
    if (status != STATUS_PENDING) {
        return status;
    }
    const wsk_client_call call = wsk_begin_call_as_it_is();
    const int has_succeeded = routine(once, parameter, context) != 0;
    wsk_end_call(call);
    if (!has_succeeded) {
        complete(once, RTL_RUN_ONCE_INIT_FAILED, NULL, CALLER);
        return STATUS_UNSUCCESSFUL;
    }
    return complete(once, 0, context ? *context : NULL, CALLER);
}
