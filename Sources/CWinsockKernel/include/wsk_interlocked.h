/// Interlocked operations, inline: a sanitizer sees what they order. All of them are sequentially consistent, whatever
/// their name asks for.
#ifndef WSK_INTERLOCKED_H
#define WSK_INTERLOCKED_H

#include "ntstatus.h"

EXTERN_C_START

// For each width: the new value of Increment, Decrement and Add, the old one of the others.
#define WSK_INTERLOCKED(type, suffix)                                                                                  \
    WSK_INLINE type InterlockedIncrement##suffix(type volatile *Target) {                                             \
        return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST);                                                        \
    }                                                                                                                  \
    WSK_INLINE type InterlockedDecrement##suffix(type volatile *Target) {                                             \
        return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST);                                                        \
    }                                                                                                                  \
    WSK_INLINE type InterlockedAdd##suffix(type volatile *Target, type Value) {                                       \
        return __atomic_add_fetch(Target, Value, __ATOMIC_SEQ_CST);                                                    \
    }                                                                                                                  \
    WSK_INLINE type InterlockedExchangeAdd##suffix(type volatile *Target, type Value) {                               \
        return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);                                                    \
    }                                                                                                                  \
    WSK_INLINE type InterlockedExchange##suffix(type volatile *Target, type Value) {                                  \
        return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);                                                   \
    }                                                                                                                  \
    WSK_INLINE type InterlockedCompareExchange##suffix(type volatile *Target, type Exchange, type Comparand) {        \
        __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);              \
        return Comparand;                                                                                              \
    }                                                                                                                  \
    WSK_INLINE type InterlockedAnd##suffix(type volatile *Target, type Value) {                                       \
        return __atomic_fetch_and(Target, Value, __ATOMIC_SEQ_CST);                                                    \
    }                                                                                                                  \
    WSK_INLINE type InterlockedOr##suffix(type volatile *Target, type Value) {                                        \
        return __atomic_fetch_or(Target, Value, __ATOMIC_SEQ_CST);                                                     \
    }                                                                                                                  \
    WSK_INLINE type InterlockedXor##suffix(type volatile *Target, type Value) {                                       \
        return __atomic_fetch_xor(Target, Value, __ATOMIC_SEQ_CST);                                                    \
    }
WSK_INTERLOCKED(CHAR, 8)
WSK_INTERLOCKED(SHORT, 16)
WSK_INTERLOCKED(LONG, )
WSK_INTERLOCKED(LONG64, 64)

/// A bit's state before it was changed. Bits are numbered from `Base` on.
WSK_INLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile *Base, LONG Bit) {
    const LONG mask = (LONG)(1u << (Bit & 31));
    return (InterlockedOr(Base + (Bit >> 5), mask) & mask) != 0;
}
WSK_INLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile *Base, LONG Bit) {
    const LONG mask = (LONG)(1u << (Bit & 31));
    return (InterlockedAnd(Base + (Bit >> 5), ~mask) & mask) != 0;
}
WSK_INLINE BOOLEAN InterlockedBitTestAndComplement(LONG volatile *Base, LONG Bit) {
    const LONG mask = (LONG)(1u << (Bit & 31));
    return (InterlockedXor(Base + (Bit >> 5), mask) & mask) != 0;
}
WSK_INLINE BOOLEAN InterlockedBitTestAndSet64(LONG64 volatile *Base, LONG64 Bit) {
    const LONG64 mask = (LONG64)(1ull << (Bit & 63));
    return (InterlockedOr64(Base + (Bit >> 6), mask) & mask) != 0;
}
WSK_INLINE BOOLEAN InterlockedBitTestAndReset64(LONG64 volatile *Base, LONG64 Bit) {
    const LONG64 mask = (LONG64)(1ull << (Bit & 63));
    return (InterlockedAnd64(Base + (Bit >> 6), ~mask) & mask) != 0;
}

WSK_INLINE PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
WSK_INLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *Target, PVOID Exchange, PVOID Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}

EXTERN_C_END

// Sources written where `long` has 32 bits pass it for LONG; here it has 64, and all of them are changed.
#ifdef __cplusplus
#define WSK_INTERLOCKED_LONG(type, name)                                                                               \
    WSK_INLINE type name(type volatile *Target) { return (type)name##64((LONG64 volatile *)Target); }
#define WSK_INTERLOCKED_LONG_VALUE(type, name)                                                                         \
    WSK_INLINE type name(type volatile *Target, type Value) {                                                         \
        return (type)name##64((LONG64 volatile *)Target, (LONG64)Value);                                               \
    }
#define WSK_INTERLOCKED_LONGS(type)                                                                                    \
    WSK_INTERLOCKED_LONG(type, InterlockedIncrement)                                                                   \
    WSK_INTERLOCKED_LONG(type, InterlockedDecrement)                                                                   \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedAdd)                                                                   \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedExchangeAdd)                                                           \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedExchange)                                                              \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedAnd)                                                                   \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedOr)                                                                    \
    WSK_INTERLOCKED_LONG_VALUE(type, InterlockedXor)                                                                   \
    WSK_INLINE type InterlockedCompareExchange(type volatile *Target, type Exchange, type Comparand) {                \
        return (type)InterlockedCompareExchange64((LONG64 volatile *)Target, (LONG64)Exchange, (LONG64)Comparand);     \
    }
extern "C++" {
WSK_INTERLOCKED_LONGS(long)
WSK_INTERLOCKED_LONGS(unsigned long)
}
#elif !defined(__swift__)
#define WSK_OF_LONG(name, target)                                                                                      \
    _Generic((target), long *: name##64, volatile long *: name##64, unsigned long *: name##64,                         \
        volatile unsigned long *: name##64, default: name)
#define InterlockedIncrement(target) WSK_OF_LONG(InterlockedIncrement, target)((PVOID)(target))
#define InterlockedDecrement(target) WSK_OF_LONG(InterlockedDecrement, target)((PVOID)(target))
#define InterlockedAdd(target, value) WSK_OF_LONG(InterlockedAdd, target)((PVOID)(target), (value))
#define InterlockedExchangeAdd(target, value) WSK_OF_LONG(InterlockedExchangeAdd, target)((PVOID)(target), (value))
#define InterlockedExchange(target, value) WSK_OF_LONG(InterlockedExchange, target)((PVOID)(target), (value))
#define InterlockedAnd(target, value) WSK_OF_LONG(InterlockedAnd, target)((PVOID)(target), (value))
#define InterlockedOr(target, value) WSK_OF_LONG(InterlockedOr, target)((PVOID)(target), (value))
#define InterlockedXor(target, value) WSK_OF_LONG(InterlockedXor, target)((PVOID)(target), (value))
#define InterlockedCompareExchange(target, exchange, comparand)                                                        \
    WSK_OF_LONG(InterlockedCompareExchange, target)((PVOID)(target), (exchange), (comparand))
#endif

#define InterlockedExchangeAddSizeT(target, value) __atomic_fetch_add((target), (value), __ATOMIC_SEQ_CST)
#define InterlockedIncrementSizeT(target) __atomic_add_fetch((target), 1, __ATOMIC_SEQ_CST)
#define InterlockedDecrementSizeT(target) __atomic_sub_fetch((target), 1, __ATOMIC_SEQ_CST)

// The same with a weaker order.

#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOrRelease InterlockedOr
#define InterlockedOrNoFence InterlockedOr
#define InterlockedIncrementAcquire64 InterlockedIncrement64
#define InterlockedIncrementRelease64 InterlockedIncrement64
#define InterlockedIncrementNoFence64 InterlockedIncrement64
#define InterlockedDecrementAcquire64 InterlockedDecrement64
#define InterlockedDecrementRelease64 InterlockedDecrement64
#define InterlockedDecrementNoFence64 InterlockedDecrement64
#define InterlockedAddNoFence64 InterlockedAdd64
#define InterlockedExchangeNoFence64 InterlockedExchange64
#define InterlockedExchangeAddNoFence64 InterlockedExchangeAdd64
#define InterlockedCompareExchangeAcquire64 InterlockedCompareExchange64
#define InterlockedCompareExchangeRelease64 InterlockedCompareExchange64
#define InterlockedCompareExchangeNoFence64 InterlockedCompareExchange64
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer

// Reads and writes, for each width that the names have.

#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define KeMemoryBarrierWithoutFence() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define MemoryBarrier() KeMemoryBarrier()
#ifdef __x86_64__
#define YieldProcessor() __builtin_ia32_pause()
#else
#define YieldProcessor() ((void)0)
#endif
#define WSK_READ(source, order) __atomic_load_n((source), order)
#define WSK_WRITE(target, value, order) __atomic_store_n((target), (value), order)
#define ReadAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadAcquire8(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadNoFence8(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadRaw8(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadAcquire16(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadNoFence16(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadRaw16(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadAcquire64(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadNoFence64(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadRaw64(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadBooleanAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadBooleanNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadBooleanRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadCharAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadCharNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadCharRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadUCharAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadUCharNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadUCharRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadShortAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadShortNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadShortRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadUShortAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadUShortNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadUShortRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadULongAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadULongNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadULongRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadULong64Acquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadULong64NoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadULong64Raw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadPointerAcquire(source) WSK_READ(source, __ATOMIC_ACQUIRE)
#define ReadPointerNoFence(source) WSK_READ(source, __ATOMIC_RELAXED)
#define ReadPointerRaw(source) WSK_READ(source, __ATOMIC_RELAXED)
#define WriteRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRelease8(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteNoFence8(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRaw8(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRelease16(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteNoFence16(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRaw16(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRelease64(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteNoFence64(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteRaw64(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteBooleanRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteBooleanNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteBooleanRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteCharRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteCharNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteCharRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteUCharRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteUCharNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteUCharRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteShortRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteShortNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteShortRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteUShortRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteUShortNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteUShortRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteULongRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteULongNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteULongRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteULong64Release(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WriteULong64NoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WriteULong64Raw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WritePointerRelease(target, value) WSK_WRITE(target, value, __ATOMIC_RELEASE)
#define WritePointerNoFence(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)
#define WritePointerRaw(target, value) WSK_WRITE(target, value, __ATOMIC_RELAXED)

#endif
