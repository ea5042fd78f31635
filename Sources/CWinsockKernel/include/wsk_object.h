/// What threads wait for and are held off by: dispatcher objects, interrupt request levels, spin locks, rundown
/// protection, timers, deferred procedure calls, work items and threads.
#ifndef WSK_OBJECT_H
#define WSK_OBJECT_H

#include "wsk_list.h"

EXTERN_C_START

struct _DEVICE_OBJECT;

// Interrupt request levels, kept for each thread. At DISPATCH_LEVEL, which completion routines, event callbacks, DPCs
// and holders of spin locks run at, a wait would deadlock on Windows, and is a trap here.

#define PASSIVE_LEVEL 0
#define LOW_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
#define HIGH_LEVEL 15

KIRQL KeGetCurrentIrql(VOID);
KIRQL KfRaiseIrql(KIRQL NewIrql);
VOID KeLowerIrql(KIRQL NewIrql);
#define KeRaiseIrql(irql, old) ((void)(*(old) = KfRaiseIrql(irql)))
#define KeRaiseIrqlToDpcLevel() KfRaiseIrql(DISPATCH_LEVEL)
#define KfLowerIrql(irql) KeLowerIrql(irql)

/// Ends the program with a message: what a caller did that Windows would answer with a bug check or a deadlock.
DECLSPEC_NORETURN VOID KeBugCheckEx(
    ULONG BugCheckCode, ULONG_PTR First, ULONG_PTR Second, ULONG_PTR Third, ULONG_PTR Fourth);
DECLSPEC_NORETURN VOID KeBugCheck(ULONG BugCheckCode);
DECLSPEC_NORETURN VOID WskPagedCodeTrap(const char *Function);
DECLSPEC_NORETURN VOID WskAssertTrap(const char *Condition, const char *File, int Line);

#define PAGED_CODE() ((void)(KeGetCurrentIrql() > APC_LEVEL && (WskPagedCodeTrap(__func__), 0)))
#define PAGED_CODE_LOCKED()
#ifndef ASSERT
#define ASSERT(condition) ((void)(!(condition) && (WskAssertTrap(#condition, __FILE__, __LINE__), 0)))
#endif
#define ASSERTMSG(message, condition) ASSERT(condition)
#define NT_ASSERT(condition) ASSERT(condition)
#define NT_VERIFY(condition) ((condition) ? TRUE : (WskAssertTrap(#condition, __FILE__, __LINE__), FALSE))
#define NT_ASSERTMSG(message, condition) ASSERT(condition)

// Dispatcher objects.

/// What every object that threads wait for begins with. The run time's.
typedef struct _DISPATCHER_HEADER {
    UCHAR Type;
    UCHAR Reserved[3];
    LONG SignalState;
    LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;

typedef struct _KSEMAPHORE {
    DISPATCHER_HEADER Header;
    LONG Limit;
} KSEMAPHORE, *PKSEMAPHORE, *PRKSEMAPHORE;

typedef struct _KMUTANT {
    DISPATCHER_HEADER Header;
    PVOID Owner;
    LONG Depth;
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;

typedef struct _KDPC KDPC, *PKDPC, *PRKDPC;
typedef VOID KDEFERRED_ROUTINE(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2);
typedef KDEFERRED_ROUTINE *PKDEFERRED_ROUTINE;

/// A routine to be called soon at DISPATCH_LEVEL, once however often it was queued.
struct _KDPC {
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    ULONG Queued;
};

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    LIST_ENTRY TimerListEntry;
    PKDPC Dpc;
    LONGLONG DueTime;
    LONG Period;
    ULONG Inserted;
} KTIMER, *PKTIMER, *PRKTIMER;

typedef enum _KWAIT_REASON { Executive, FreePage, PageIn, PoolAllocation, DelayExecution, Suspended, UserRequest }
    KWAIT_REASON;

typedef struct _KWAIT_BLOCK {
    PVOID Reserved[6];
} KWAIT_BLOCK, *PKWAIT_BLOCK, *PRKWAIT_BLOCK;

#define THREAD_WAIT_OBJECTS 3
#define MAXIMUM_WAIT_OBJECTS 64

VOID KeInitializeEvent(PKEVENT Event, EVENT_TYPE Type, BOOLEAN State);
LONG KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
LONG KeResetEvent(PKEVENT Event);
VOID KeClearEvent(PKEVENT Event);
LONG KeReadStateEvent(PKEVENT Event);

VOID KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit);
LONG KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait);
LONG KeReadStateSemaphore(PKSEMAPHORE Semaphore);

VOID KeInitializeMutex(PKMUTEX Mutex, ULONG Level);
LONG KeReleaseMutex(PKMUTEX Mutex, BOOLEAN Wait);
LONG KeReadStateMutex(PKMUTEX Mutex);

/// Waits for an event, a semaphore, a mutex, a timer or a thread. `Timeout` is in units of 100 nanoseconds: relative
/// where negative, a point of system time where positive, NULL for as long as it takes; 0 only asks. A trap at
/// DISPATCH_LEVEL, unless it only asks.
NTSTATUS KeWaitForSingleObject(
    PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
#define KeWaitForMutexObject KeWaitForSingleObject

/// Waits for all or for one of up to 64 objects; the status says which one.
NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
    KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout, PKWAIT_BLOCK WaitBlockArray);

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
VOID KeStallExecutionProcessor(ULONG Microseconds);

// Timers and deferred procedure calls.

VOID KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
BOOLEAN KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
BOOLEAN KeRemoveQueueDpc(PKDPC Dpc);
/// Waits until every DPC that was queued has run.
VOID KeFlushQueuedDpcs(VOID);

VOID KeInitializeTimer(PKTIMER Timer);
VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
/// `Period` is in milliseconds, 0 for a timer that rings once.
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
BOOLEAN KeSetCoalescableTimer(
    PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc);
BOOLEAN KeCancelTimer(PKTIMER Timer);
BOOLEAN KeReadStateTimer(PKTIMER Timer);

// Spin locks. Taking one raises to DISPATCH_LEVEL; taking one that the thread holds already is a trap.

typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
typedef struct _KLOCK_QUEUE_HANDLE {
    PKSPIN_LOCK Lock;
    KIRQL OldIrql;
} KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;

VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock);
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql);
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock);
#define KeAcquireSpinLock(lock, old) ((void)(*(old) = KeAcquireSpinLockRaiseToDpc(lock)))
#define KfAcquireSpinLock(lock) KeAcquireSpinLockRaiseToDpc(lock)
#define KfReleaseSpinLock(lock, irql) KeReleaseSpinLock(lock, irql)
#define ExAcquireSpinLock(lock, old) KeAcquireSpinLock(lock, old)
#define ExReleaseSpinLock(lock, irql) KeReleaseSpinLock(lock, irql)
#define KeAcquireInStackQueuedSpinLock(lock, handle)                                                                   \
    ((void)((handle)->Lock = (lock), (handle)->OldIrql = KeAcquireSpinLockRaiseToDpc(lock)))
#define KeReleaseInStackQueuedSpinLock(handle) KeReleaseSpinLock((handle)->Lock, (handle)->OldIrql)
#define KeAcquireInStackQueuedSpinLockAtDpcLevel(lock, handle)                                                         \
    ((void)((handle)->Lock = (lock), KeAcquireSpinLockAtDpcLevel(lock)))
#define KeReleaseInStackQueuedSpinLockFromDpcLevel(handle) KeReleaseSpinLockFromDpcLevel((handle)->Lock)

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock);
KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock);
VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock);

// Locks that a thread waits for.

typedef struct _FAST_MUTEX {
    KEVENT Event;
    PVOID Owner;
    KIRQL OldIrql;
} FAST_MUTEX, *PFAST_MUTEX, KGUARDED_MUTEX, *PKGUARDED_MUTEX;

VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex);
VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex);
BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex);
VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex);
#define ExAcquireFastMutexUnsafe(mutex) ExAcquireFastMutex(mutex)
#define ExReleaseFastMutexUnsafe(mutex) ExReleaseFastMutex(mutex)
#define KeInitializeGuardedMutex(mutex) ExInitializeFastMutex(mutex)
#define KeAcquireGuardedMutex(mutex) ExAcquireFastMutex(mutex)
#define KeReleaseGuardedMutex(mutex) ExReleaseFastMutex(mutex)

/// A lock for one writer or many readers. The same struct serves ERESOURCE and EX_PUSH_LOCK.
typedef struct _ERESOURCE {
    KEVENT Change;
    LONG Readers;
    LONG Depth;
    PVOID Writer;
} ERESOURCE, *PERESOURCE, EX_PUSH_LOCK, *PEX_PUSH_LOCK;

NTSTATUS ExInitializeResourceLite(PERESOURCE Resource);
NTSTATUS ExDeleteResourceLite(PERESOURCE Resource);
BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait);
VOID ExReleaseResourceLite(PERESOURCE Resource);
#define ExInitializePushLock(lock) ((void)ExInitializeResourceLite(lock))
#define ExAcquirePushLockExclusive(lock) ((void)ExAcquireResourceExclusiveLite(lock, TRUE))
#define ExAcquirePushLockShared(lock) ((void)ExAcquireResourceSharedLite(lock, TRUE))
#define ExReleasePushLockExclusive(lock) ExReleaseResourceLite(lock)
#define ExReleasePushLockShared(lock) ExReleaseResourceLite(lock)

WSK_INLINE VOID KeEnterCriticalRegion(VOID) {}
WSK_INLINE VOID KeLeaveCriticalRegion(VOID) {}
WSK_INLINE VOID KeEnterGuardedRegion(VOID) {}
WSK_INLINE VOID KeLeaveGuardedRegion(VOID) {}
#define FsRtlEnterFileSystem() KeEnterCriticalRegion()
#define FsRtlExitFileSystem() KeLeaveCriticalRegion()

// Rundown protection: users hold the object, its owner waits until the last one has let go.

typedef struct _EX_RUNDOWN_REF {
    union {
        ULONG_PTR Count;
        PVOID Ptr;
    };
} EX_RUNDOWN_REF, *PEX_RUNDOWN_REF;

VOID ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
BOOLEAN ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef);
BOOLEAN ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
VOID ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
VOID ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef);
VOID ExRundownCompleted(PEX_RUNDOWN_REF RunRef);

// Initialization that happens once, whichever thread comes first: the others wait for it.

typedef union _RTL_RUN_ONCE {
    PVOID Ptr;
} RTL_RUN_ONCE, *PRTL_RUN_ONCE;
#define RTL_RUN_ONCE_INIT {NULL}
#define RTL_RUN_ONCE_CHECK_ONLY 1u
#define RTL_RUN_ONCE_ASYNC 2u
#define RTL_RUN_ONCE_INIT_FAILED 4u
/// How many low bits of the context must be 0.
#define RTL_RUN_ONCE_CTX_RESERVED_BITS 2

/// Answers whether it succeeded. `*Context`, where the caller wants to know it, is what later callers get.
typedef ULONG RTL_RUN_ONCE_INIT_FN(PRTL_RUN_ONCE RunOnce, PVOID Parameter, PVOID *Context);
typedef RTL_RUN_ONCE_INIT_FN *PRTL_RUN_ONCE_INIT_FN;

WSK_INLINE VOID RtlRunOnceInitialize(PRTL_RUN_ONCE RunOnce) { RunOnce->Ptr = NULL; }

/// Calls the routine unless that has succeeded before. STATUS_UNSUCCESSFUL: it failed, and the next caller tries again.
NTSTATUS RtlRunOnceExecuteOnce(
    PRTL_RUN_ONCE RunOnce, PRTL_RUN_ONCE_INIT_FN Routine, PVOID Parameter, PVOID *Context);
/// The same in two steps. STATUS_PENDING: the caller initializes, and calls RtlRunOnceComplete. Without
/// RTL_RUN_ONCE_ASYNC, which is refused; with RTL_RUN_ONCE_CHECK_ONLY it only asks, and STATUS_UNSUCCESSFUL says no.
NTSTATUS RtlRunOnceBeginInitialize(PRTL_RUN_ONCE RunOnce, ULONG Flags, PVOID *Context);
NTSTATUS RtlRunOnceComplete(PRTL_RUN_ONCE RunOnce, ULONG Flags, PVOID Context);

// Work items: routines that run at PASSIVE_LEVEL on threads of the run time.

typedef enum _WORK_QUEUE_TYPE { CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue, NormalWorkQueue }
    WORK_QUEUE_TYPE;
typedef VOID WORKER_THREAD_ROUTINE(PVOID Parameter);
typedef WORKER_THREAD_ROUTINE *PWORKER_THREAD_ROUTINE;

typedef struct _WORK_QUEUE_ITEM {
    LIST_ENTRY List;
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
} WORK_QUEUE_ITEM, *PWORK_QUEUE_ITEM;

#define ExInitializeWorkItem(item, routine, context)                                                                   \
    ((void)((item)->WorkerRoutine = (routine), (item)->Parameter = (context), (item)->List.Flink = NULL))
VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);

typedef struct _IO_WORKITEM IO_WORKITEM, *PIO_WORKITEM;
typedef VOID IO_WORKITEM_ROUTINE(struct _DEVICE_OBJECT *DeviceObject, PVOID Context);
typedef IO_WORKITEM_ROUTINE *PIO_WORKITEM_ROUTINE;
typedef VOID IO_WORKITEM_ROUTINE_EX(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem);
typedef IO_WORKITEM_ROUTINE_EX *PIO_WORKITEM_ROUTINE_EX;

PIO_WORKITEM IoAllocateWorkItem(struct _DEVICE_OBJECT *DeviceObject);
VOID IoFreeWorkItem(PIO_WORKITEM WorkItem);
VOID IoQueueWorkItem(
    PIO_WORKITEM WorkItem, PIO_WORKITEM_ROUTINE Routine, WORK_QUEUE_TYPE QueueType, PVOID Context);
VOID IoQueueWorkItemEx(
    PIO_WORKITEM WorkItem, PIO_WORKITEM_ROUTINE_EX Routine, WORK_QUEUE_TYPE QueueType, PVOID Context);
VOID IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM WorkItem);
VOID IoUninitializeWorkItem(PIO_WORKITEM WorkItem);
ULONG IoSizeofWorkItem(VOID);

// Threads and time.

typedef struct _ETHREAD *PETHREAD, *PKTHREAD, *PRKTHREAD;
typedef struct _EPROCESS *PEPROCESS, *PKPROCESS;
typedef struct _OBJECT_TYPE *POBJECT_TYPE;
typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;
typedef VOID KSTART_ROUTINE(PVOID StartContext);
typedef KSTART_ROUTINE *PKSTART_ROUTINE;

#define THREAD_ALL_ACCESS 0x001fffff
#define EVENT_MODIFY_STATE 0x0002
#define EVENT_ALL_ACCESS 0x001f0003

extern POBJECT_TYPE *PsThreadType;
extern POBJECT_TYPE *ExEventObjectType;

/// Starts a thread at PASSIVE_LEVEL. The handle goes with ZwClose, the thread's object when nobody refers to it.
NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
    HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Ends the calling thread, which PsCreateSystemThread started.
DECLSPEC_NORETURN NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus);
NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
    KPROCESSOR_MODE AccessMode, void *Object, PVOID HandleInformation);
VOID ObfReferenceObject(PVOID Object);
VOID ObfDereferenceObject(PVOID Object);
#define ObReferenceObjectByHandleWithTag(handle, access, type, mode, tag, object, information)                         \
    ObReferenceObjectByHandle(handle, access, type, mode, object, information)
#define ObReferenceObjectWithTag(object, tag) ObfReferenceObject(object)
#define ObDereferenceObjectWithTag(object, tag) ObfDereferenceObject(object)
#define ObReferenceObject(object) ObfReferenceObject(object)
#define ObDereferenceObject(object) ObfDereferenceObject(object)
#define ObDereferenceObjectDeferDelete(object) ObfDereferenceObject(object)
NTSTATUS ZwClose(HANDLE Handle);
#define ObCloseHandle(handle, mode) ZwClose(handle)
#define NtClose(handle) ZwClose(handle)
#define ZwCurrentProcess() ((HANDLE)(LONG_PTR)-1)
#define NtCurrentProcess() ZwCurrentProcess()

PETHREAD PsGetCurrentThread(VOID);
PEPROCESS PsGetCurrentProcess(VOID);
HANDLE PsGetCurrentThreadId(VOID);
HANDLE PsGetCurrentProcessId(VOID);
#define KeGetCurrentThread() PsGetCurrentThread()
#define IoGetCurrentProcess() PsGetCurrentProcess()
/// Priorities are kept nowhere: the system's scheduler decides.
KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
WSK_INLINE LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment) {
    (void)Thread;
    (void)Increment;
    return 0;
}
WSK_INLINE KPRIORITY KeQueryPriorityThread(PKTHREAD Thread) {
    (void)Thread;
    return 8;
}
#define LOW_PRIORITY 0
#define LOW_REALTIME_PRIORITY 16
#define HIGH_PRIORITY 31
WSK_INLINE KPROCESSOR_MODE ExGetPreviousMode(VOID) { return KernelMode; }

ULONG KeGetCurrentProcessorNumberEx(PVOID ProcessorNumber);
ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber);
#define KeGetCurrentProcessorNumber() KeGetCurrentProcessorNumberEx(NULL)
#define KeGetCurrentProcessorIndex() KeGetCurrentProcessorNumberEx(NULL)
#define KeQueryActiveProcessorCount(affinity) KeQueryActiveProcessorCountEx(0xffff)
#define KeQueryMaximumProcessorCount() KeQueryActiveProcessorCountEx(0xffff)
#define KeQueryMaximumProcessorCountEx(group) KeQueryActiveProcessorCountEx(group)
#define ALL_PROCESSOR_GROUPS 0xffff

/// The processor with a number, all being in group 0.
WSK_INLINE NTSTATUS KeGetProcessorNumberFromIndex(ULONG Index, PPROCESSOR_NUMBER Number) {
    if (Index >= KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS)) {
        return STATUS_INVALID_PARAMETER;
    }
    Number->Group = 0;
    Number->Number = (UCHAR)Index;
    Number->Reserved = 0;
    return STATUS_SUCCESS;
}
WSK_INLINE ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER Number) { return Number->Number; }

/// Affinities are kept nowhere: a thread runs where the system's scheduler puts it.
WSK_INLINE KAFFINITY KeSetSystemAffinityThreadEx(KAFFINITY Affinity) {
    (void)Affinity;
    return 0;
}
WSK_INLINE VOID KeRevertToUserAffinityThreadEx(KAFFINITY Affinity) { (void)Affinity; }
WSK_INLINE VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY Previous) {
    (void)Affinity;
    if (Previous) {
        memset(Previous, 0, sizeof *Previous);
    }
}
WSK_INLINE VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY Previous) { (void)Previous; }

/// System time: units of 100 nanoseconds since 1601.
VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
#define KeQuerySystemTime(time) KeQuerySystemTimePrecise(time)

typedef struct _TIME_FIELDS {
    CSHORT Year;
    CSHORT Month;
    CSHORT Day;
    CSHORT Hour;
    CSHORT Minute;
    CSHORT Second;
    CSHORT Milliseconds;
    CSHORT Weekday;
} TIME_FIELDS, *PTIME_FIELDS;

VOID RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields);
/// FALSE: there is no such day or hour.
BOOLEAN RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time);
VOID ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime);
VOID ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime);
/// FALSE: the number has more than 32 bits.
BOOLEAN RtlTimeToSecondsSince1970(PLARGE_INTEGER Time, PULONG ElapsedSeconds);
VOID RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time);
WSK_INLINE LARGE_INTEGER RtlConvertLongToLargeInteger(LONG Value) {
    LARGE_INTEGER result;
    result.QuadPart = Value;
    return result;
}
WSK_INLINE LARGE_INTEGER RtlConvertUlongToLargeInteger(ULONG Value) {
    LARGE_INTEGER result;
    result.QuadPart = Value;
    return result;
}
/// Time since boot in units of 100 nanoseconds.
ULONGLONG KeQueryInterruptTime(VOID);
ULONGLONG KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);
ULONG KeQueryTimeIncrement(VOID);
/// How exact timers are: to a nanosecond, as far as the system lets them. A wish is answered, and changes nothing.
WSK_INLINE VOID ExQueryTimerResolution(PULONG Maximum, PULONG Minimum, PULONG Current) {
    *Maximum = *Minimum = *Current = 1;
}
WSK_INLINE ULONG ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution) {
    (void)DesiredTime;
    (void)SetResolution;
    return 1;
}
VOID WskQueryTickCount(PLARGE_INTEGER CurrentCount);
#define KeQueryTickCount(count) WskQueryTickCount(count)

EXTERN_C_END

#endif
