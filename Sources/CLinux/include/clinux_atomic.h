/// Atomic operations on plain words in raw memory, where Swift's `Atomic` can't stand: in structs that C shares.
#ifndef CLINUX_ATOMIC_H
#define CLINUX_ATOMIC_H

#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

/// Loads with acquire order.
static inline __attribute__((always_inline)) uint32_t clinux_atomic_load(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/// Stores with release order.
static inline __attribute__((always_inline)) void clinux_atomic_store(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/// Replaces `old` by `new_value`; 1 if it did. Sequentially consistent.
static inline __attribute__((always_inline)) int clinux_atomic_replace(
    uint32_t *word, uint32_t old, uint32_t new_value) {
    return __atomic_compare_exchange_n(word, &old, new_value, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/// Stores and answers what was there. Sequentially consistent.
static inline __attribute__((always_inline)) uint32_t clinux_atomic_exchange(uint32_t *word, uint32_t value) {
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

/// Adds and answers the sum. Sequentially consistent.
static inline __attribute__((always_inline)) uint32_t clinux_atomic_add(uint32_t *word, uint32_t amount) {
    return __atomic_add_fetch(word, amount, __ATOMIC_SEQ_CST);
}

/// Takes away and answers what is left. Sequentially consistent.
static inline __attribute__((always_inline)) uint32_t clinux_atomic_subtract(uint32_t *word, uint32_t amount) {
    return __atomic_sub_fetch(word, amount, __ATOMIC_SEQ_CST);
}

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
