// Ordered tables against a plain array, one-time initialization under threads, and what else drivers keep their books by.
#include "check.h"
#include <intrin.h>
#include <ntintsafe.h>
#include <wsk_load.h>

#define KEYS 512

typedef struct entry {
    ULONG key;
    ULONG value;
} entry;

static ULONG live;

static RTL_GENERIC_COMPARE_RESULTS compare(const void *first, const void *second) {
    const ULONG left = ((const entry *)first)->key, right = ((const entry *)second)->key;
    return left < right ? GenericLessThan : left > right ? GenericGreaterThan : GenericEqual;
}

static PVOID allocate(PVOID context, CLONG size) {
    PVOID memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, size, 'elbT');
    CHECK(context == &live && memory);
    live++;
    return memory;
}

static VOID release(PVOID context, PVOID memory) {
    CHECK(context == &live && live > 0);
    live--;
    ExFreePoolWithTag(memory, 'elbT');
}

static RTL_GENERIC_COMPARE_RESULTS compare_avl(PRTL_AVL_TABLE table, PVOID first, PVOID second) {
    CHECK(table->TableContext == &live);
    return compare(first, second);
}
static PVOID allocate_avl(PRTL_AVL_TABLE table, CLONG size) { return allocate(table->TableContext, size); }
static VOID release_avl(PRTL_AVL_TABLE table, PVOID memory) { release(table->TableContext, memory); }

static RTL_GENERIC_COMPARE_RESULTS compare_generic(PRTL_GENERIC_TABLE table, PVOID first, PVOID second) {
    CHECK(table->TableContext == &live);
    return compare(first, second);
}
static PVOID allocate_generic(PRTL_GENERIC_TABLE table, CLONG size) { return allocate(table->TableContext, size); }
static VOID release_generic(PRTL_GENERIC_TABLE table, PVOID memory) { release(table->TableContext, memory); }

/// The height of a tree whose order and balance are checked on the way.
static int height(PRTL_BALANCED_LINKS node, PRTL_BALANCED_LINKS parent) {
    if (!node) {
        return 0;
    }
    const int left = height(node->LeftChild, node), right = height(node->RightChild, node);
    CHECK(node->Parent == parent && node->Balance == right - left);
    CHECK(node->Balance >= -1 && node->Balance <= 1);
    return 1 + (left > right ? left : right);
}

static ULONG seed = 7;
static ULONG next_number(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void test_avl(void) {
    static RTL_AVL_TABLE table;
    static BOOLEAN there[KEYS];
    ULONG count = 0;
    RtlInitializeGenericTableAvl(&table, compare_avl, allocate_avl, release_avl, &live);
    CHECK(RtlIsGenericTableEmptyAvl(&table) && !RtlGetElementGenericTableAvl(&table, 0));
    for (int turn = 0; turn < 20000; turn++) {
        entry wanted = {next_number() % KEYS, (ULONG)turn};
        if (next_number() % 2) {
            BOOLEAN is_new = 9;
            entry *made = (entry *)RtlInsertElementGenericTableAvl(&table, &wanted, sizeof wanted, &is_new);
            CHECK(made && made != &wanted && made->key == wanted.key && is_new == !there[wanted.key]);
            CHECK(!is_new || made->value == (ULONG)turn);
            count += is_new;
            there[wanted.key] = TRUE;
        } else {
            CHECK(RtlDeleteElementGenericTableAvl(&table, &wanted) == there[wanted.key]);
            count -= there[wanted.key];
            there[wanted.key] = FALSE;
        }
        CHECK(RtlNumberGenericTableElementsAvl(&table) == count && live == count);
        if (turn % 97 == 0) {
            CHECK(height(table.BalancedRoot.RightChild, &table.BalancedRoot) <= 13);
        }
    }
    ULONG key = 0, index = 0;
    PVOID restart = NULL;
    for (entry *one; (one = (entry *)RtlEnumerateGenericTableWithoutSplayingAvl(&table, &restart)); key++, index++) {
        for (; key < one->key; key++) {
            CHECK(!there[key]);
        }
        CHECK(there[key] && RtlGetElementGenericTableAvl(&table, index) == one);
        CHECK(RtlLookupElementGenericTableAvl(&table, one) == one);
        PVOID first;
        CHECK(RtlLookupFirstMatchingElementGenericTableAvl(&table, one, &first) == one);
    }
    CHECK(index == count && !RtlGetElementGenericTableAvl(&table, count));
    // Every other element is deleted while they are enumerated, and none is passed by.
    index = 0;
    for (entry *one = (entry *)RtlEnumerateGenericTableAvl(&table, TRUE); one;
         one = (entry *)RtlEnumerateGenericTableAvl(&table, FALSE)) {
        if (index++ % 2) {
            CHECK(RtlDeleteElementGenericTableAvl(&table, one));
        }
    }
    CHECK(index == count && live == count - count / 2);
    entry absent = {KEYS, 5};
    PVOID place;
    TABLE_SEARCH_RESULT result;
    CHECK(!RtlLookupElementGenericTableFullAvl(&table, &absent, &place, &result) && result == TableInsertAsRight);
    CHECK(RtlInsertElementGenericTableFullAvl(&table, &absent, sizeof absent, NULL, place, result));
    CHECK(RtlLookupElementGenericTableFullAvl(&table, &absent, &place, &result) && result == TableFoundNode);
    RtlDeleteElementGenericTableAvlEx(&table, place);
    for (PVOID one; (one = RtlGetElementGenericTableAvl(&table, 0));) {
        CHECK(RtlDeleteElementGenericTableAvl(&table, one));
    }
    CHECK(live == 0 && RtlIsGenericTableEmptyAvl(&table));
}

static void test_generic(void) {
    static RTL_GENERIC_TABLE table;
    RtlInitializeGenericTable(&table, compare_generic, allocate_generic, release_generic, &live);
    CHECK(RtlIsGenericTableEmpty(&table));
    for (ULONG i = 0; i < 100; i++) {
        entry one = {(i * 37) % 100, i};
        BOOLEAN is_new;
        CHECK(RtlInsertElementGenericTable(&table, &one, sizeof one, &is_new) && is_new);
        CHECK(RtlInsertElementGenericTable(&table, &one, sizeof one, &is_new) && !is_new);
    }
    CHECK(RtlNumberGenericTableElements(&table) == 100 && live == 100);
    for (ULONG i = 0; i < 100; i++) {
        CHECK(((entry *)RtlGetElementGenericTable(&table, i))->value == i);
    }
    ULONG key = 0;
    for (entry *one = (entry *)RtlEnumerateGenericTable(&table, TRUE); one;
         one = (entry *)RtlEnumerateGenericTable(&table, FALSE)) {
        CHECK(one->key == key++);
    }
    PVOID restart = NULL;
    CHECK(((entry *)RtlEnumerateGenericTableWithoutSplaying(&table, &restart))->key == 0);
    entry wanted = {37, 0};
    CHECK(((entry *)RtlLookupElementGenericTable(&table, &wanted))->value == 1);
    CHECK(RtlDeleteElementGenericTable(&table, &wanted) && !RtlDeleteElementGenericTable(&table, &wanted));
    CHECK(((entry *)RtlGetElementGenericTable(&table, 1))->value == 2 && !RtlLookupElementGenericTable(&table, &wanted));
    while (!RtlIsGenericTableEmpty(&table)) {
        CHECK(RtlDeleteElementGenericTable(&table, RtlGetElementGenericTable(&table, 0)));
    }
    CHECK(live == 0);
}

// One-time initialization: the first attempt fails, the second one succeeds, and all threads see what it made.

#define THREADS 8
static RTL_RUN_ONCE once = RTL_RUN_ONCE_INIT;
static LONG attempts, failures;
static ULONG DECLSPEC_ALIGN(16) made;

static ULONG initialize(PRTL_RUN_ONCE run_once, PVOID parameter, PVOID *context) {
    LARGE_INTEGER pause;
    pause.QuadPart = -10000;
    CHECK(run_once == &once && parameter == &attempts);
    if (InterlockedIncrement(&attempts) == 1) {
        return FALSE;
    }
    KeDelayExecutionThread(KernelMode, FALSE, &pause);
    made = 42;
    *context = &made;
    return TRUE;
}

static VOID use_once(PVOID context) {
    UNREFERENCED_PARAMETER(context);
    PVOID got = NULL;
    while (RtlRunOnceExecuteOnce(&once, initialize, &attempts, &got) != STATUS_SUCCESS) {
        InterlockedIncrement(&failures);
    }
    CHECK(got == &made && made == 42);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void test_once(void) {
    PVOID threads[THREADS], got = NULL;
    CHECK_STATUS(RtlRunOnceBeginInitialize(&once, RTL_RUN_ONCE_CHECK_ONLY, &got), STATUS_UNSUCCESSFUL);
    for (int i = 0; i < THREADS; i++) {
        HANDLE handle;
        CHECK_STATUS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, use_once, NULL), STATUS_SUCCESS);
        CHECK_STATUS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &threads[i], NULL),
            STATUS_SUCCESS);
        ZwClose(handle);
    }
    for (int i = 0; i < THREADS; i++) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
    CHECK(attempts == 2 && failures == 1);
    CHECK_STATUS(RtlRunOnceBeginInitialize(&once, 0, &got), STATUS_SUCCESS);
    RTL_RUN_ONCE steps;
    RtlRunOnceInitialize(&steps);
    CHECK_STATUS(RtlRunOnceBeginInitialize(&steps, RTL_RUN_ONCE_ASYNC, &got), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(RtlRunOnceBeginInitialize(&steps, 0, &got), STATUS_PENDING);
    CHECK_STATUS(RtlRunOnceComplete(&steps, 0, (PVOID)(ULONG_PTR)3), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(RtlRunOnceComplete(&steps, 0, &made), STATUS_SUCCESS);
    CHECK(got == &made);
}

static void test_remove_lock(void) {
    IO_REMOVE_LOCK lock;
    IoInitializeRemoveLock(&lock, 'kcoL', 0, 0);
    CHECK_STATUS(IoAcquireRemoveLock(&lock, NULL), STATUS_SUCCESS);
    CHECK_STATUS(IoAcquireRemoveLock(&lock, &lock), STATUS_SUCCESS);
    IoReleaseRemoveLock(&lock, &lock);
    IoReleaseRemoveLockAndWait(&lock, NULL);
    CHECK_STATUS(IoAcquireRemoveLock(&lock, NULL), STATUS_DELETE_PENDING);
}

static void test_bits_and_numbers(void) {
    volatile long wide = -1;
    LONG64 bits = 0;
    ULONG index = 0, sum = 0;
    CHECK(InterlockedIncrement(&wide) == 0 && wide == 0);
    CHECK(InterlockedExchange(&wide, -2) == 0 && wide == -2);
    CHECK(InterlockedCompareExchange(&wide, 5, -2) == -2 && wide == 5);
    CHECK(!InterlockedBitTestAndSet64(&bits, 40) && InterlockedBitTestAndReset64(&bits, 40) && bits == 0);
    CHECK(InterlockedOr64(&bits, 6) == 0 && InterlockedAnd64(&bits, 4) == 6 && InterlockedXor64(&bits, 1) == 4);
    CHECK(ReadNoFence64(&bits) == 5 && ReadAcquire64(&bits) == 5);
    CHECK(BitScanReverse(&index, 0x00400001) && index == 22 && BitScanForward(&index, 0x00400000) && index == 22);
    CHECK(!BitScanForward64(&index, 0) && BitScanReverse64(&index, 1ull << 50) && index == 50);
    CHECK_STATUS(RtlULongAdd(0xfffffffe, 1, &sum), STATUS_SUCCESS);
    CHECK(sum == 0xffffffff);
    CHECK_STATUS(RtlULongAdd(0xfffffffe, 2, &sum), STATUS_INTEGER_OVERFLOW);
    CHECK_STATUS(RtlULongSub(1, 2, &sum), STATUS_INTEGER_OVERFLOW);
    SIZE_T product = 0;
    CHECK_STATUS(RtlSIZETMult((SIZE_T)1 << 40, (SIZE_T)1 << 30, &product), STATUS_INTEGER_OVERFLOW);
    CHECK_STATUS(RtlSIZETToULong((SIZE_T)1 << 32, &sum), STATUS_INTEGER_OVERFLOW);
    CHECK_STATUS(RtlSIZETToULong(77, &sum), STATUS_SUCCESS);
    CHECK(sum == 77);
    LONG number = 0;
    CHECK_STATUS(RtlULongToLong(0x80000000u, &number), STATUS_INTEGER_OVERFLOW);
}

int main(void) {
    test_avl();
    test_generic();
    test_once();
    test_remove_lock();
    test_bits_and_numbers();
    CHECK(WskCountObjects() == 0);
    puts("done");
    return 0;
}
