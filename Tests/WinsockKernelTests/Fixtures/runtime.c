// The NT run time: what drivers use beside sockets.
#include "check.h"

#include <ntstrsafe.h>

#define MILLISECONDS(count) (-10000ll * (count))

// Threads, events, semaphores, mutexes.

static KEVENT asked, answered;
static KMUTEX mutex;
static KSEMAPHORE semaphore;
static FAST_MUTEX fast;
static ULONG shared;

static VOID answer(PVOID context) {
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    KeWaitForSingleObject(&asked, Executive, KernelMode, FALSE, NULL);
    *(ULONG *)context += 1;
    KeSetEvent(&answered, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID count(PVOID context) {
    (void)context;
    for (int i = 0; i < 5000; i++) {
        if (i % 2) {
            KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
            KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
            ExAcquireFastMutex(&fast);
            shared++;
            ExReleaseFastMutex(&fast);
            KeReleaseMutex(&mutex, FALSE);
            KeReleaseMutex(&mutex, FALSE);
        } else {
            ExAcquireFastMutex(&fast);
            shared++;
            ExReleaseFastMutex(&fast);
        }
    }
    KeReleaseSemaphore(&semaphore, IO_NO_INCREMENT, 1, FALSE);
}

static PVOID start(PKSTART_ROUTINE routine, PVOID context) {
    HANDLE handle;
    PVOID thread;
    CHECK_STATUS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context), STATUS_SUCCESS);
    CHECK_STATUS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &thread, NULL), STATUS_SUCCESS);
    CHECK_STATUS(ZwClose(handle), STATUS_SUCCESS);
    CHECK_STATUS(ZwClose(handle), STATUS_INVALID_HANDLE);
    return thread;
}

static void test_threads(void) {
    LARGE_INTEGER now;
    ULONG value = 1;
    PVOID threads[4];
    now.QuadPart = 0;
    KeInitializeEvent(&asked, SynchronizationEvent, FALSE);
    KeInitializeEvent(&answered, NotificationEvent, FALSE);
    PVOID thread = start(answer, &value);
    CHECK_STATUS(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, &now), STATUS_TIMEOUT);
    CHECK(KeSetEvent(&asked, IO_NO_INCREMENT, FALSE) == 0);
    PVOID both[2] = {&answered, thread};
    CHECK_STATUS(
        KeWaitForMultipleObjects(2, both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL), STATUS_SUCCESS);
    CHECK(value == 2 && KeReadStateEvent(&answered) && !KeReadStateEvent(&asked));
    both[0] = &asked;
    CHECK_STATUS(KeWaitForMultipleObjects(2, both, WaitAny, Executive, KernelMode, FALSE, NULL, NULL), STATUS_WAIT_1);
    ObDereferenceObject(thread);

    KeInitializeMutex(&mutex, 0);
    KeInitializeSemaphore(&semaphore, 0, 4);
    ExInitializeFastMutex(&fast);
    for (int i = 0; i < 4; i++) {
        threads[i] = start(count, NULL);
    }
    for (int i = 0; i < 4; i++) {
        KeWaitForSingleObject(&semaphore, Executive, KernelMode, FALSE, NULL);
    }
    CHECK(shared == 20000 && KeReadStateSemaphore(&semaphore) == 0 && KeReadStateMutex(&mutex));
    for (int i = 0; i < 4; i++) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
}

// Timers, deferred procedure calls, work items, rundown protection.

static KEVENT rung;
static LONG rings;
static EX_RUNDOWN_REF rundown;
static PIO_WORKITEM item;

static VOID ring(PKDPC dpc, PVOID context, PVOID first, PVOID second) {
    (void)dpc;
    (void)first;
    (void)second;
    CHECK(KeGetCurrentIrql() == DISPATCH_LEVEL && context == &rings);
    if (InterlockedIncrement(&rings) == 3) {
        KeSetEvent(&rung, IO_NO_INCREMENT, FALSE);
    }
}

static VOID work(PDEVICE_OBJECT device, PVOID context) {
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL && device == NULL && context == &rundown);
    IoFreeWorkItem(item);
    ExReleaseRundownProtection(&rundown);
}

static void test_time(void) {
    KDPC dpc;
    KTIMER timer;
    LARGE_INTEGER due, before, after;
    KeInitializeEvent(&rung, NotificationEvent, FALSE);
    KeInitializeDpc(&dpc, ring, &rings);
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    due.QuadPart = MILLISECONDS(5);
    CHECK(!KeSetTimerEx(&timer, due, 5, &dpc));
    KeWaitForSingleObject(&rung, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, NULL);
    CHECK(KeCancelTimer(&timer) && !KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    const LONG until_now = rings;
    CHECK(KeInsertQueueDpc(&dpc, NULL, NULL));
    KeFlushQueuedDpcs();
    CHECK(rings == until_now + 1);
    before = KeQueryPerformanceCounter(NULL);
    CHECK_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &due), STATUS_SUCCESS);
    after = KeQueryPerformanceCounter(&due);
    CHECK(after.QuadPart - before.QuadPart >= 5000000 && due.QuadPart == 1000000000);
    KeQuerySystemTime(&before);
    CHECK(before.QuadPart > 130000000000000000ll);

    ExInitializeRundownProtection(&rundown);
    CHECK(ExAcquireRundownProtection(&rundown));
    item = IoAllocateWorkItem(NULL);
    IoQueueWorkItem(item, work, DelayedWorkQueue, &rundown);
    ExWaitForRundownProtectionRelease(&rundown);
    CHECK(!ExAcquireRundownProtection(&rundown));
}

// Pool, lists, strings.

static void test_memory(void) {
    LOOKASIDE_LIST_EX lookaside;
    UCHAR *bytes = (UCHAR *)ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, 'txeT');
    CHECK(bytes && bytes[0] == 0 && bytes[99] == 0 && (ULONG_PTR)bytes % 16 == 0);
    ExFreePoolWithTag(bytes, 'txeT');
    CHECK_STATUS(ExInitializeLookasideListEx(&lookaside, NULL, NULL, NonPagedPoolNx, 0, 64, 'txeT', 0), STATUS_SUCCESS);
    PVOID entry = ExAllocateFromLookasideListEx(&lookaside);
    CHECK(entry);
    ExFreeToLookasideListEx(&lookaside, entry);
    ExDeleteLookasideListEx(&lookaside);

    LIST_ENTRY head, entries[3];
    InitializeListHead(&head);
    InsertTailList(&head, &entries[1]);
    InsertTailList(&head, &entries[2]);
    InsertHeadList(&head, &entries[0]);
    CHECK(!RemoveEntryList(&entries[1]) && RemoveHeadList(&head) == &entries[0]);
    CHECK(RemoveTailList(&head) == &entries[2] && IsListEmpty(&head));
    SLIST_HEADER stack;
    static SLIST_ENTRY nodes[2];
    InitializeSListHead(&stack);
    CHECK(InterlockedPushEntrySList(&stack, &nodes[0]) == NULL);
    CHECK(InterlockedPushEntrySList(&stack, &nodes[1]) == &nodes[0] && QueryDepthSList(&stack) == 2);
    CHECK(InterlockedPopEntrySList(&stack) == &nodes[1] && InterlockedFlushSList(&stack) == &nodes[0]);

    UNICODE_STRING wide, copy;
    ANSI_STRING narrow;
    WCHAR room[16];
    char text[80];
    ULONG number = 0;
    RtlInitAnsiString(&narrow, "na\xc3\xafve 17");
    CHECK_STATUS(RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE), STATUS_SUCCESS);
    CHECK(wide.Length == 16 && wide.Buffer[2] == 0xef && wide.Buffer[8] == 0);
    RtlInitEmptyUnicodeString(&copy, room, sizeof room);
    RtlCopyUnicodeString(&copy, &wide);
    CHECK(RtlEqualUnicodeString(&copy, &wide, FALSE));
    CHECK_STATUS(RtlAppendUnicodeStringToString(&copy, &wide), STATUS_SUCCESS);
    CHECK_STATUS(RtlAppendUnicodeStringToString(&copy, &wide), STATUS_BUFFER_TOO_SMALL);
    CHECK_STATUS(RtlStringCbPrintfA(text, sizeof text, "%wZ|%Z|%I64d|%5lu|%-4X|%s", &wide, &narrow, -5ll, 7u, 0xabu, "x"),
        STATUS_SUCCESS);
    CHECK(strcmp(text, "na\xc3\xafve 17|na\xc3\xafve 17|-5|    7|AB  |x") == 0);
    CHECK_STATUS(RtlStringCbPrintfA(text, 4, "%s", "12345"), STATUS_BUFFER_OVERFLOW);
    CHECK(strcmp(text, "123") == 0);
    RtlFreeUnicodeString(&wide);
    RtlInitEmptyUnicodeString(&copy, room, sizeof room);
    CHECK_STATUS(RtlIntegerToUnicodeString(48879, 16, &copy), STATUS_SUCCESS);
    CHECK_STATUS(RtlUnicodeStringToInteger(&copy, 16, &number), STATUS_SUCCESS);
    CHECK(number == 0xbeef);
}

// IRPs with several locations, and the three flags.

typedef struct routine_calls {
    int upper;
    int lower;
    NTSTATUS lower_answer;
    BOOLEAN pending;
} routine_calls;

static NTSTATUS upper(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    (void)device;
    ((routine_calls *)context)->upper++;
    ((routine_calls *)context)->pending = irp->PendingReturned;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS lower(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    (void)device;
    ((routine_calls *)context)->lower++;
    if (irp->PendingReturned) {
        IoMarkIrpPending(irp);
    }
    return ((routine_calls *)context)->lower_answer;
}

/// Sends an IRP down two levels by hand, and completes it at the lower one.
static routine_calls pass(NTSTATUS status, BOOLEAN is_cancelled, NTSTATUS lower_answer, int flags, BOOLEAN pends) {
    routine_calls calls = {0, 0, lower_answer, FALSE};
    PIRP irp = IoAllocateIrp(2, FALSE);
    IoSetCompletionRoutine(irp, upper, &calls, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    IoSetCompletionRoutine(irp, lower, &calls, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0);
    IoSetNextIrpStackLocation(irp);
    if (pends) {
        IoMarkIrpPending(irp);
    }
    irp->Cancel = is_cancelled;
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    if (lower_answer == STATUS_MORE_PROCESSING_REQUIRED && calls.lower) {
        CHECK(calls.upper == 0);
        calls.lower_answer = STATUS_SUCCESS;
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    }
    IoFreeIrp(irp);
    return calls;
}

static void test_irps(void) {
    routine_calls calls = pass(STATUS_SUCCESS, FALSE, STATUS_SUCCESS, 1, TRUE);
    CHECK(calls.lower == 1 && calls.upper == 1 && calls.pending);
    calls = pass(STATUS_SUCCESS, FALSE, STATUS_SUCCESS, 2 | 4, TRUE);
    CHECK(calls.lower == 0 && calls.upper == 1 && calls.pending);
    calls = pass(STATUS_UNSUCCESSFUL, FALSE, STATUS_SUCCESS, 2, FALSE);
    CHECK(calls.lower == 1 && calls.upper == 1 && !calls.pending);
    calls = pass(STATUS_UNSUCCESSFUL, FALSE, STATUS_SUCCESS, 1, FALSE);
    CHECK(calls.lower == 0 && calls.upper == 1);
    calls = pass(STATUS_CANCELLED, TRUE, STATUS_SUCCESS, 4, FALSE);
    CHECK(calls.lower == 1 && calls.upper == 1);
    calls = pass(STATUS_SUCCESS, FALSE, STATUS_MORE_PROCESSING_REQUIRED, 1, FALSE);
    CHECK(calls.lower == 1 && calls.upper == 1);
}

// Spin locks.

static KSPIN_LOCK spin;
static EX_SPIN_LOCK both_ways;
static ULONG counted;

static VOID spin_many(PVOID context) {
    (void)context;
    for (int i = 0; i < 20000; i++) {
        KIRQL old;
        KeAcquireSpinLock(&spin, &old);
        CHECK(KeGetCurrentIrql() == DISPATCH_LEVEL && old == PASSIVE_LEVEL);
        counted++;
        KeReleaseSpinLock(&spin, old);
        old = ExAcquireSpinLockShared(&both_ways);
        ExReleaseSpinLockShared(&both_ways, old);
    }
}

static void test_spin_locks(void) {
    PVOID threads[3];
    KeInitializeSpinLock(&spin);
    for (int i = 0; i < 3; i++) {
        threads[i] = start(spin_many, NULL);
    }
    for (int i = 0; i < 3; i++) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
    CHECK(counted == 60000 && KeGetCurrentIrql() == PASSIVE_LEVEL);
}

int main(void) {
    test_threads();
    test_time();
    test_memory();
    test_irps();
    test_spin_locks();
    puts("done");
    return 0;
}
