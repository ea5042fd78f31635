#include "clinux_fork.h"

#include <sched.h>

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static clinux_fork_lock *locks;
static pthread_once_t watched = PTHREAD_ONCE_INIT;
static int watch_error;

enum { MOST_ROUNDS = 1000 };

static int take_all(void) {
    int has_all = 1;
    for (clinux_fork_lock *lock = locks; lock; lock = lock->next) {
        lock->is_held = pthread_mutex_trylock(&lock->mutex) == 0;
        has_all &= lock->is_held || __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == pthread_self();
    }
    return has_all;
}

static void give_all(void) {
    for (clinux_fork_lock *lock = locks; lock; lock = lock->next) {
        if (lock->is_held) {
            lock->is_held = 0;
            pthread_mutex_unlock(&lock->mutex);
        }
    }
}

static void before(void) {
    pthread_mutex_lock(&registry);
    for (int round = 1; !take_all() && round < MOST_ROUNDS; round++) {
        give_all();
        sched_yield();
    }
}

static void in_parent(void) {
    give_all();
    pthread_mutex_unlock(&registry);
}

static void in_child(void) {
    for (clinux_fork_lock *lock = locks; lock; lock = lock->next) {
        lock->is_held = 0;
        lock->holder = 0;
        pthread_mutex_init(&lock->mutex, 0);
    }
    pthread_mutex_init(&registry, 0);
    for (clinux_fork_lock *lock = locks; lock; lock = lock->next) {
        if (lock->renewed) {
            lock->renewed(lock->context);
        }
    }
}

static void watch(void) {
    watch_error = pthread_atfork(before, in_parent, in_child);
}

void clinux_fork_lock_begin(clinux_fork_lock *lock, void (*renewed)(void *context), void *context) {
    pthread_once(&watched, watch);
    *lock = (clinux_fork_lock){.renewed = renewed, .context = context};
    pthread_mutex_init(&lock->mutex, 0);
    pthread_mutex_lock(&registry);
    lock->next = locks;
    lock->place = &locks;
    if (locks) {
        locks->place = &lock->next;
    }
    locks = lock;
    pthread_mutex_unlock(&registry);
}

void clinux_fork_lock_end(clinux_fork_lock *lock) {
    pthread_mutex_lock(&registry);
    *lock->place = lock->next;
    if (lock->next) {
        lock->next->place = lock->place;
    }
    pthread_mutex_unlock(&registry);
    pthread_mutex_destroy(&lock->mutex);
}

int clinux_at_fork(void (*child)(void)) {
    // Children's handlers run in the order in which they were registered.
    pthread_once(&watched, watch);
    return watch_error ? watch_error : pthread_atfork(0, 0, child);
}
