/// Threads: atomic operations on fields of C structs, and the barrier that close relies on.
#ifndef CLINUX_THREAD_H
#define CLINUX_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Adds and answers the new value.
static inline uint32_t clinux_add_u32(uint32_t *value, int32_t amount) {
    return __atomic_add_fetch(value, (uint32_t)amount, __ATOMIC_ACQ_REL);
}

static inline uint32_t clinux_load_u32(const uint32_t *value) {
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static inline void clinux_store_u32(uint32_t *value, uint32_t next) {
    __atomic_store_n(value, next, __ATOMIC_RELEASE);
}

/// Sets bits and answers the old value.
static inline uint32_t clinux_set_bits_u32(uint32_t *value, uint32_t bits) {
    return __atomic_fetch_or(value, bits, __ATOMIC_ACQ_REL);
}

/// Clears bits and answers the old value.
static inline uint32_t clinux_clear_bits_u32(uint32_t *value, uint32_t bits) {
    return __atomic_fetch_and(value, ~bits, __ATOMIC_ACQ_REL);
}

/// Replaces `expected` by `next`; false, and nothing changed, where another value stood there.
static inline int clinux_replace_u32(uint32_t *value, uint32_t expected, uint32_t next) {
    return __atomic_compare_exchange_n(value, &expected, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline int clinux_replace_u64(uint64_t *value, uint64_t expected, uint64_t next) {
    return __atomic_compare_exchange_n(value, &expected, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/// In one order with `clinux_replace_u64` and `clinux_store_u64`, on all threads.
static inline uint64_t clinux_load_u64(const uint64_t *value) {
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static inline void clinux_store_u64(uint64_t *value, uint64_t next) {
    __atomic_store_n(value, next, __ATOMIC_SEQ_CST);
}

/// The pointer that stands at `address`.
static inline void *clinux_load_pointer(const void *address) {
    return __atomic_load_n((void *const *)address, __ATOMIC_ACQUIRE);
}

static inline void clinux_store_pointer(void *address, const void *next) {
    __atomic_store_n((const void **)address, next, __ATOMIC_RELEASE);
}

/// Orders this thread's stores before every other thread's next loads, whatever fences those threads leave out
/// (membarrier). Registers the process at its first use; 0, or -1 where the kernel has no such call.
int clinux_barrier(void);

/// Runs `function` with `value` when the calling thread ends; the same function for every thread. 0 or an errno value.
int clinux_at_thread_exit(void (*function)(void *), void *value);

/// The calling thread's id.
static inline int32_t clinux_thread_id(void) {
    return (int32_t)syscall(SYS_gettid);
}

/// Whether the calling thread may run on a processor.
bool clinux_may_run_on(int32_t processor);

/// Keeps the calling thread, and what it starts, on one processor; -1: on all there are. 0 or a negative errno.
int clinux_run_on(int32_t processor);

#endif
