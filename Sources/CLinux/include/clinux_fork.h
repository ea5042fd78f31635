/// Locks that a fork takes, and what runs in a child process.
#ifndef CLINUX_FORK_H
#define CLINUX_FORK_H

#include <pthread.h>

/// A lock that is taken before every fork, in whatever order other threads take theirs, so that the child finds what it
/// guards whole. There it is free, and `renewed` is called before the child has a second thread. A thread that forks
/// inside such a lock goes on without that one. Stands where it is until `clinux_fork_lock_end`.
typedef struct clinux_fork_lock {
    pthread_mutex_t mutex;
    /// The thread that is inside, 0 for none; changed by atomic operations.
    pthread_t holder;
    void (*renewed)(void *context);
    void *context;
    /// The registry's.
    struct clinux_fork_lock *next;
    struct clinux_fork_lock **place;
    int is_held;
} clinux_fork_lock;

/// A free lock; `renewed` may be null.
void clinux_fork_lock_begin(clinux_fork_lock *lock, void (*renewed)(void *context), void *context);

/// Ends a lock that nobody holds.
void clinux_fork_lock_end(clinux_fork_lock *lock);

static inline void clinux_fork_lock_take(clinux_fork_lock *lock) {
    pthread_mutex_lock(&lock->mutex);
    __atomic_store_n(&lock->holder, pthread_self(), __ATOMIC_RELAXED);
}

static inline void clinux_fork_lock_give(clinux_fork_lock *lock) {
    // A child process that was forked inside has a free lock already.
    if (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) != pthread_self()) {
        return;
    }
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&lock->mutex);
}

/// Runs `child` in every child process right after fork, once the locks are free there. 0 or an errno value.
int clinux_at_fork(void (*child)(void));

#endif
