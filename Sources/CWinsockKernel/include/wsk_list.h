/// Lists, inline: a sanitizer sees what they order.
#ifndef WSK_LIST_H
#define WSK_LIST_H

#include "wsk_interlocked.h"

EXTERN_C_START

// Doubly linked lists.

WSK_INLINE VOID InitializeListHead(PLIST_ENTRY ListHead) { ListHead->Flink = ListHead->Blink = ListHead; }

WSK_INLINE BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead) { return ListHead->Flink == ListHead; }

/// Takes the entry out. TRUE: the list is empty now.
WSK_INLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry) {
    PLIST_ENTRY next = Entry->Flink, before = Entry->Blink;
    before->Flink = next;
    next->Blink = before;
    return next == before;
}

WSK_INLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Flink;
    RemoveEntryList(entry);
    return entry;
}

WSK_INLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Blink;
    RemoveEntryList(entry);
    return entry;
}

WSK_INLINE VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) {
    PLIST_ENTRY last = ListHead->Blink;
    Entry->Flink = ListHead;
    Entry->Blink = last;
    last->Flink = Entry;
    ListHead->Blink = Entry;
}

WSK_INLINE VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) { InsertTailList(ListHead->Flink, Entry); }

WSK_INLINE VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend) {
    PLIST_ENTRY end = ListHead->Blink;
    ListHead->Blink->Flink = ListToAppend;
    ListHead->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = ListHead;
    ListToAppend->Blink = end;
}

WSK_INLINE VOID PushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY Entry) {
    Entry->Next = ListHead->Next;
    ListHead->Next = Entry;
}

WSK_INLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY ListHead) {
    PSINGLE_LIST_ENTRY entry = ListHead->Next;
    if (entry) {
        ListHead->Next = entry->Next;
    }
    return entry;
}

// Singly linked lists that several threads may change at once.

typedef struct DECLSPEC_ALIGN(16) _SLIST_HEADER {
    PSLIST_ENTRY First;
    ULONG Depth;
    ULONG Lock;
} SLIST_HEADER, *PSLIST_HEADER;

WSK_INLINE VOID InitializeSListHead(PSLIST_HEADER ListHead) {
    ListHead->First = NULL;
    ListHead->Depth = 0;
    __atomic_store_n(&ListHead->Lock, 0, __ATOMIC_RELEASE);
}

WSK_INLINE VOID WskLockSList(PSLIST_HEADER ListHead) {
    while (__atomic_exchange_n(&ListHead->Lock, 1, __ATOMIC_ACQUIRE)) {
    }
}

WSK_INLINE VOID WskUnlockSList(PSLIST_HEADER ListHead) { __atomic_store_n(&ListHead->Lock, 0, __ATOMIC_RELEASE); }

/// Puts the entry first and answers the one that was.
WSK_INLINE PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY Entry) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    Entry->Next = first;
    __atomic_store_n(&ListHead->First, Entry, __ATOMIC_RELAXED);
    ListHead->Depth++;
    WskUnlockSList(ListHead);
    return first;
}

/// Puts a chain of `Count` entries first and answers the one that was.
WSK_INLINE PSLIST_ENTRY InterlockedPushListSListEx(
    PSLIST_HEADER ListHead, PSLIST_ENTRY List, PSLIST_ENTRY ListEnd, ULONG Count) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    ListEnd->Next = first;
    __atomic_store_n(&ListHead->First, List, __ATOMIC_RELAXED);
    ListHead->Depth += Count;
    WskUnlockSList(ListHead);
    return first;
}
#define InterlockedPushListSList(head, list, end, count) InterlockedPushListSListEx(head, list, end, count)

WSK_INLINE PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER ListHead) {
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
WSK_INLINE PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER ListHead) {
    WskLockSList(ListHead);
    PSLIST_ENTRY first = ListHead->First;
    __atomic_store_n(&ListHead->First, (PSLIST_ENTRY)NULL, __ATOMIC_RELAXED);
    ListHead->Depth = 0;
    WskUnlockSList(ListHead);
    return first;
}

WSK_INLINE PSLIST_ENTRY FirstEntrySList(const SLIST_HEADER *ListHead) {
    return __atomic_load_n(&ListHead->First, __ATOMIC_ACQUIRE);
}

WSK_INLINE USHORT QueryDepthSList(PSLIST_HEADER ListHead) {
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
