/// Functions that the framework links where no provider's own stands, one an entry, made from the list of entries.
/// Not installed: no plug-in needs them.
#ifndef LAMINA_STUBS_H
#define LAMINA_STUBS_H

#include "lamina_socket.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// Completes with -EOPNOTSUPP.
lamina_any_function lamina_unsupported_entry(uint32_t entry);
/// Completes with -ENOTCONN: a data call before the socket's links are bound.
lamina_any_function lamina_unbound_entry(uint32_t entry);
/// Completes with -ESTALE: a socket that a forked process can't share with its parent.
lamina_any_function lamina_stale_entry(uint32_t entry);
/// Calls the column that the slot names primary, or completes with -EOPNOTSUPP where it names none.
lamina_any_function lamina_primary_entry(uint32_t entry);
/// Calls on through the slot's table rather than its direct link, for columns whose links may still change.
lamina_any_function lamina_indirect_entry(uint32_t entry);
/// Hands an indication to the application's own table.
lamina_any_function lamina_client_indication(uint32_t indication);
/// Refuses an indication that a level can't see.
lamina_any_function lamina_refused_indication(uint32_t indication);

/// The function at `offset` of a table, null where it is empty or there is no table.
LAMINA_INLINE lamina_any_function LAMINA_NULLABLE lamina_function_at(const void *LAMINA_NULLABLE table, size_t offset) {
    lamina_any_function function = 0;
    if (table) {
        memcpy(&function, (const char *)table + offset, sizeof function);
    }
    return function;
}

/// The direct link of `entry` in `slot`, null for an entry that has none.
LAMINA_INLINE lamina_direct_link *LAMINA_NULLABLE lamina_direct_link_at(lamina_slot *slot, uint32_t entry) {
    switch (entry) {
    case LAMINA_ENTRY_SEND: return &slot->send;
    case LAMINA_ENTRY_RECEIVE: return &slot->receive;
    case LAMINA_ENTRY_SEND_TO: return &slot->send_to;
    case LAMINA_ENTRY_RECEIVE_FROM: return &slot->receive_from;
    default: return 0;
    }
}

/// Says what `lamina_enter` calls for a thread that is new. Before the first socket.
LAMINA_INLINE void lamina_set_enter_slowly(int32_t (*function)(lamina_thread *thread)) {
    lamina_enter_slowly = function;
}

/// This thread's marks.
LAMINA_INLINE lamina_thread *lamina_this_thread(void) {
    return &lamina_self;
}

/// Says how deep this thread's inline completions nest. In C, because Swift would take it for an access to the whole
/// struct, whose marks close reads on another thread.
LAMINA_INLINE void lamina_set_completions(uint32_t depth) {
    lamina_self.completions = depth;
}

/// Adds to the engines that this thread runs; see `lamina_set_completions`.
LAMINA_INLINE void lamina_add_engines(int32_t change) {
    lamina_self.engine += (uint32_t)change;
}

/// Whether close knows a thread.
LAMINA_INLINE int lamina_thread_is_known(const lamina_thread *thread) {
    return thread->mark != LAMINA_UNKNOWN_THREAD;
}

/// Says whether close knows a thread that is inside no socket.
LAMINA_INLINE void lamina_thread_set_known(lamina_thread *thread, int is_known) {
    __atomic_store_n(&thread->mark, is_known ? (lamina_slot *)0 : LAMINA_UNKNOWN_THREAD, __ATOMIC_RELEASE);
}

LAMINA_NONNULL_END
LAMINA_C_END

#endif
