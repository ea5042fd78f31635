// Threads, whose ends must unwind C frames only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wsk_internal.h"

/// Tells who waits that the thread has ended, and lets go of it.
void wsk_thread_ended(PETHREAD thread);

static pthread_mutex_t mutexes[] = {[0 ... WSK_MUTEX_COUNT - 1] = PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t conditions[] = {[0 ... WSK_CONDITION_COUNT - 1] = PTHREAD_COND_INITIALIZER};

pthread_mutex_t *wsk_mutex(int number) { return &mutexes[number]; }
pthread_cond_t *wsk_condition(int number) { return &conditions[number]; }

static __thread PETHREAD own;

PETHREAD wsk_this_thread(void) { return own; }

static int start(void *(*function)(void *), void *context) {
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int status = pthread_create(&thread, NULL, function, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!status) {
        pthread_detach(thread);
    }
    return status;
}

static void ended(void *context) {
    own = NULL;
    wsk_leave_dispatch(PASSIVE_LEVEL);
    wsk_thread_ended((PETHREAD)context);
}

static void *run_thread(void *context) {
    own = (PETHREAD)context;
    own->identity = (int32_t)syscall(SYS_gettid);
    pthread_cleanup_push(ended, context);
    own->start(own->context);
    pthread_cleanup_pop(1);
    return NULL;
}

int wsk_start_thread(PETHREAD thread) { return start(run_thread, thread); }

NTSTATUS PsTerminateSystemThread(NTSTATUS status) {
    (void)status;
    if (!own) {
        wsk_trap("PsTerminateSystemThread", "this thread was not started by PsCreateSystemThread",
            __builtin_return_address(0));
    }
    pthread_exit(NULL);
}

int wsk_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline) {
    const struct timespec time = {deadline / 1000000000, deadline % 1000000000};
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &time);
}

typedef struct helper {
    void (*function)(void *);
    void *context;
} helper;

static void *run_helper(void *context) {
    const helper copy = *(helper *)context;
    free(context);
    WSK_OWN_CODE;
    copy.function(copy.context);
    return NULL;
}

int wsk_start_helper(void (*function)(void *), void *context) {
    helper *made = malloc(sizeof *made);
    if (!made) {
        return ENOMEM;
    }
    *made = (helper){function, context};
    const int status = start(run_helper, made);
    if (status) {
        free(made);
    }
    return status;
}

ULONG KeGetCurrentProcessorNumberEx(PVOID number) {
    (void)number;
    const int processor = sched_getcpu();
    return processor < 0 ? 0 : (ULONG)processor;
}

ULONG KeQueryActiveProcessorCountEx(USHORT group) {
    (void)group;
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (ULONG)count;
}

HANDLE PsGetCurrentThreadId(VOID) { return (HANDLE)(ULONG_PTR)syscall(SYS_gettid); }
HANDLE PsGetCurrentProcessId(VOID) { return (HANDLE)(ULONG_PTR)getpid(); }

// Drivers.

PDRIVER_INITIALIZE wsk_find_entry(void *library) {
    union {
        void *symbol;
        PDRIVER_INITIALIZE entry;
    } found = {dlsym(library ? library : RTLD_DEFAULT, "DriverEntry")};
    return found.entry;
}

NTSTATUS wsk_call_entry(PDRIVER_INITIALIZE entry, PWSK_DRIVER driver) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    const NTSTATUS status = entry(&driver->object, &driver->extension.ServiceKeyName);
    wsk_end_call(call);
    return status;
}

void wsk_call_unload(PWSK_DRIVER driver) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    driver->object.DriverUnload(&driver->object);
    wsk_end_call(call);
}

static POBJECT_TYPE thread_type, event_type;
POBJECT_TYPE *PsThreadType = &thread_type;
POBJECT_TYPE *ExEventObjectType = &event_type;
