/// Lists and interlocked operations, inline: a sanitizer sees what they order.
#ifndef WSK_LIST_H
#define WSK_LIST_H

#include "ntstatus.h"

EXTERN_C_START

// Doubly linked lists.

FORCEINLINE VOID InitializeListHead(PLIST_ENTRY ListHead) { ListHead->Flink = ListHead->Blink = ListHead; }

FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead) { return ListHead->Flink == ListHead; }

/// Takes the entry out. TRUE: the list is empty now.
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry) {
    PLIST_ENTRY next = Entry->Flink, before = Entry->Blink;
    before->Flink = next;
    next->Blink = before;
    return next == before;
}

FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Flink;
    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Blink;
    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) {
    PLIST_ENTRY last = ListHead->Blink;
    Entry->Flink = ListHead;
    Entry->Blink = last;
    last->Flink = Entry;
    ListHead->Blink = Entry;
}

FORCEINLINE VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) { InsertTailList(ListHead->Flink, Entry); }

FORCEINLINE VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend) {
    PLIST_ENTRY end = ListHead->Blink;
    ListHead->Blink->Flink = ListToAppend;
    ListHead->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = ListHead;
    ListToAppend->Blink = end;
}

FORCEINLINE VOID PushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY Entry) {
    Entry->Next = ListHead->Next;
    ListHead->Next = Entry;
}

FORCEINLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY ListHead) {
    PSINGLE_LIST_ENTRY entry = ListHead->Next;
    if (entry) {
        ListHead->Next = entry->Next;
    }
    return entry;
}

// Interlocked operations.

FORCEINLINE LONG InterlockedIncrement(LONG volatile *Target) { return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST); }
FORCEINLINE LONG InterlockedDecrement(LONG volatile *Target) { return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST); }
FORCEINLINE LONG InterlockedExchange(LONG volatile *Target, LONG Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedExchangeAdd(LONG volatile *Target, LONG Value) {
    return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedAdd(LONG volatile *Target, LONG Value) {
    return __atomic_add_fetch(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedCompareExchange(LONG volatile *Target, LONG Exchange, LONG Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
FORCEINLINE LONG InterlockedAnd(LONG volatile *Target, LONG Value) {
    return __atomic_fetch_and(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedOr(LONG volatile *Target, LONG Value) {
    return __atomic_fetch_or(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedXor(LONG volatile *Target, LONG Value) {
    return __atomic_fetch_xor(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile *Base, LONG Bit) {
    const LONG mask = (LONG)(1u << (Bit & 31));
    return (__atomic_fetch_or(Base + (Bit >> 5), mask, __ATOMIC_SEQ_CST) & mask) != 0;
}
FORCEINLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile *Base, LONG Bit) {
    const LONG mask = (LONG)(1u << (Bit & 31));
    return (__atomic_fetch_and(Base + (Bit >> 5), ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}
FORCEINLINE SHORT InterlockedIncrement16(SHORT volatile *Target) {
    return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedDecrement16(SHORT volatile *Target) {
    return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedCompareExchange16(SHORT volatile *Target, SHORT Exchange, SHORT Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
FORCEINLINE CHAR InterlockedExchange8(CHAR volatile *Target, CHAR Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedIncrement64(LONG64 volatile *Target) {
    return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedDecrement64(LONG64 volatile *Target) {
    return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedExchange64(LONG64 volatile *Target, LONG64 Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedExchangeAdd64(LONG64 volatile *Target, LONG64 Value) {
    return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedAdd64(LONG64 volatile *Target, LONG64 Value) {
    return __atomic_add_fetch(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedCompareExchange64(LONG64 volatile *Target, LONG64 Exchange, LONG64 Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *Target, PVOID Exchange, PVOID Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
#define InterlockedExchangeAddSizeT(target, value) __atomic_fetch_add((target), (value), __ATOMIC_SEQ_CST)
#define InterlockedIncrementSizeT(target) __atomic_add_fetch((target), 1, __ATOMIC_SEQ_CST)
#define InterlockedDecrementSizeT(target) __atomic_sub_fetch((target), 1, __ATOMIC_SEQ_CST)
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define MemoryBarrier() KeMemoryBarrier()
#define YieldProcessor() ((void)0)
#define ReadAcquire(source) __atomic_load_n((source), __ATOMIC_ACQUIRE)
#define ReadNoFence(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define ReadRaw(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define ReadPointerAcquire(source) __atomic_load_n((source), __ATOMIC_ACQUIRE)
#define ReadPointerNoFence(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define ReadBooleanNoFence(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define ReadBooleanAcquire(source) __atomic_load_n((source), __ATOMIC_ACQUIRE)
#define ReadULongAcquire(source) __atomic_load_n((source), __ATOMIC_ACQUIRE)
#define ReadULong64NoFence(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define WriteRelease(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#define WriteNoFence(target, value) __atomic_store_n((target), (value), __ATOMIC_RELAXED)
#define WritePointerRelease(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#define WritePointerNoFence(target, value) __atomic_store_n((target), (value), __ATOMIC_RELAXED)
#define WriteBooleanRelease(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#define WriteBooleanNoFence(target, value) __atomic_store_n((target), (value), __ATOMIC_RELAXED)
#define WriteULongRelease(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#define WriteULongNoFence(target, value) __atomic_store_n((target), (value), __ATOMIC_RELAXED)

// Singly linked lists that several threads may change at once.

typedef struct DECLSPEC_ALIGN(16) _SLIST_HEADER {
    PSLIST_ENTRY First;
    ULONG Depth;
    ULONG Lock;
} SLIST_HEADER, *PSLIST_HEADER;

FORCEINLINE VOID InitializeSListHead(PSLIST_HEADER ListHead) {
    ListHead->First = NULL;
    ListHead->Depth = 0;
    __atomic_store_n(&ListHead->Lock, 0, __ATOMIC_RELEASE);
}

FORCEINLINE VOID WskLockSList(PSLIST_HEADER ListHead) {
    while (__atomic_exchange_n(&ListHead->Lock, 1, __ATOMIC_ACQUIRE)) {
    }
}

FORCEINLINE VOID WskUnlockSList(PSLIST_HEADER ListHead) { __atomic_store_n(&ListHead->Lock, 0, __ATOMIC_RELEASE); }

/// Puts the entry first and answers the one that was.
FORCEINLINE PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY Entry) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    Entry->Next = first;
    __atomic_store_n(&ListHead->First, Entry, __ATOMIC_RELAXED);
    ListHead->Depth++;
    WskUnlockSList(ListHead);
    return first;
}

FORCEINLINE PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER ListHead) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    if (first) {
        __atomic_store_n(&ListHead->First, first->Next, __ATOMIC_RELAXED);
        ListHead->Depth--;
    }
    WskUnlockSList(ListHead);
    return first;
}

/// Takes all entries, in a chain.
FORCEINLINE PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER ListHead) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    __atomic_store_n(&ListHead->First, (PSLIST_ENTRY)NULL, __ATOMIC_RELAXED);
    ListHead->Depth = 0;
    WskUnlockSList(ListHead);
    return first;
}

FORCEINLINE PSLIST_ENTRY FirstEntrySList(const SLIST_HEADER *ListHead) {
    return __atomic_load_n(&ListHead->First, __ATOMIC_ACQUIRE);
}

FORCEINLINE USHORT QueryDepthSList(PSLIST_HEADER ListHead) {
    WskLockSList(ListHead);
    const USHORT depth = (USHORT)ListHead->Depth;
    WskUnlockSList(ListHead);
    return depth;
}

#define ExQueryDepthSList(head) QueryDepthSList(head)
#define ExInitializeSListHead(head) InitializeSListHead(head)
#define ExInterlockedPushEntrySList(head, entry, lock) InterlockedPushEntrySList(head, entry)
#define ExInterlockedPopEntrySList(head, lock) InterlockedPopEntrySList(head)
#define ExInterlockedFlushSList(head) InterlockedFlushSList(head)

EXTERN_C_END

#endif
