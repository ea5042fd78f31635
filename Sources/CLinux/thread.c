#define _GNU_SOURCE
#include "clinux_thread.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static int expedited;
static pthread_once_t registered = PTHREAD_ONCE_INIT;

static void register_process(void) {
    expedited = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

int clinux_barrier(void) {
    pthread_once(&registered, register_process);
    const int command = expedited ? MEMBARRIER_CMD_PRIVATE_EXPEDITED : MEMBARRIER_CMD_GLOBAL;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    int status = (int)syscall(SYS_membarrier, command, 0, 0);
    if (status < 0 && errno == EPERM) {
        // A child process is registered by itself.
        register_process();
        status = (int)syscall(SYS_membarrier, command, 0, 0);
    }
    return status;
}

static pthread_key_t exit_key;
static pthread_once_t exit_key_made = PTHREAD_ONCE_INIT;
static int exit_key_error;
static void (*exit_function)(void *);

static void make_exit_key(void) {
    exit_key_error = pthread_key_create(&exit_key, exit_function);
}

int clinux_at_thread_exit(void (*function)(void *), void *value) {
    __atomic_store_n(&exit_function, function, __ATOMIC_RELEASE);
    pthread_once(&exit_key_made, make_exit_key);
    return exit_key_error ? exit_key_error : pthread_setspecific(exit_key, value);
}

bool clinux_may_run_on(int32_t processor) {
    cpu_set_t set;
    return processor >= 0 && processor < CPU_SETSIZE && sched_getaffinity(0, sizeof set, &set) == 0
        && CPU_ISSET(processor, &set);
}

int clinux_run_on(int32_t processor) {
    if (processor < -1 || processor >= CPU_SETSIZE) {
        return -EINVAL;
    }
    cpu_set_t set;
    if (processor < 0) {
        memset(&set, 0xff, sizeof set);
    } else {
        CPU_ZERO(&set);
        CPU_SET(processor, &set);
    }
    return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}
