/// What that compiler has built in, over what this one has.
#ifndef WSK_INTRIN_H
#define WSK_INTRIN_H

#include "wsk_interlocked.h"

EXTERN_C_START

/// The number of the lowest, or highest, bit that is set. FALSE: there is none.
WSK_INLINE UCHAR BitScanForward(ULONG *Index, ULONG Mask) {
    if (Mask) {
        *Index = (ULONG)__builtin_ctz(Mask);
    }
    return Mask != 0;
}
WSK_INLINE UCHAR BitScanReverse(ULONG *Index, ULONG Mask) {
    if (Mask) {
        *Index = 31u - (ULONG)__builtin_clz(Mask);
    }
    return Mask != 0;
}
WSK_INLINE UCHAR BitScanForward64(ULONG *Index, ULONG64 Mask) {
    if (Mask) {
        *Index = (ULONG)__builtin_ctzll(Mask);
    }
    return Mask != 0;
}
WSK_INLINE UCHAR BitScanReverse64(ULONG *Index, ULONG64 Mask) {
    if (Mask) {
        *Index = 63u - (ULONG)__builtin_clzll(Mask);
    }
    return Mask != 0;
}
#define _BitScanForward(index, mask) BitScanForward((ULONG *)(index), mask)
#define _BitScanReverse(index, mask) BitScanReverse((ULONG *)(index), mask)
#define _BitScanForward64(index, mask) BitScanForward64((ULONG *)(index), mask)
#define _BitScanReverse64(index, mask) BitScanReverse64((ULONG *)(index), mask)

WSK_INLINE UCHAR BitTest(const LONG *Base, LONG Bit) { return (UCHAR)((Base[Bit >> 5] >> (Bit & 31)) & 1); }
WSK_INLINE UCHAR BitTest64(const LONG64 *Base, LONG64 Bit) { return (UCHAR)((Base[Bit >> 6] >> (Bit & 63)) & 1); }
#define _bittest(base, bit) BitTest((const LONG *)(base), bit)
#define _bittest64(base, bit) BitTest64((const LONG64 *)(base), bit)

#define _rotl(value, count) (((UINT)(value) << ((count) & 31)) | ((UINT)(value) >> (-(count) & 31)))
#define _rotr(value, count) (((UINT)(value) >> ((count) & 31)) | ((UINT)(value) << (-(count) & 31)))
#define _rotl64(value, count) (((ULONG64)(value) << ((count) & 63)) | ((ULONG64)(value) >> (-(count) & 63)))
#define _rotr64(value, count) (((ULONG64)(value) >> ((count) & 63)) | ((ULONG64)(value) << (-(count) & 63)))

#define _InterlockedIncrement(target) InterlockedIncrement(target)
#define _InterlockedDecrement(target) InterlockedDecrement(target)
#define _InterlockedExchange(target, value) InterlockedExchange(target, value)
#define _InterlockedExchangeAdd(target, value) InterlockedExchangeAdd(target, value)
#define _InterlockedCompareExchange(target, value, comparand) InterlockedCompareExchange(target, value, comparand)
#define _InterlockedAnd(target, value) InterlockedAnd(target, value)
#define _InterlockedOr(target, value) InterlockedOr(target, value)
#define _InterlockedIncrement64(target) InterlockedIncrement64(target)
#define _InterlockedDecrement64(target) InterlockedDecrement64(target)
#define _InterlockedCompareExchange64(target, value, comparand) InterlockedCompareExchange64(target, value, comparand)
#define _InterlockedExchangePointer(target, value) InterlockedExchangePointer(target, value)
#define _InterlockedCompareExchangePointer(target, value, comparand)                                                   \
    InterlockedCompareExchangePointer(target, value, comparand)

#define _ReturnAddress() __builtin_return_address(0)
#define _AddressOfReturnAddress() __builtin_frame_address(0)
#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _ReadBarrier() __atomic_signal_fence(__ATOMIC_ACQUIRE)
#define _WriteBarrier() __atomic_signal_fence(__ATOMIC_RELEASE)
#ifdef __x86_64__
#ifndef _mm_pause
#define _mm_pause() __builtin_ia32_pause()
#endif
#define __rdtsc() __builtin_ia32_rdtsc()
#endif
/// Nothing, with arguments and without.
enum { __noop = 0 };
#define __noop(...) ((void)0)
#define __nop() ((void)0)
#define __fastfail(code) __builtin_trap()
#define __assume(condition)                                                                                            \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            __builtin_unreachable();                                                                                   \
        }                                                                                                              \
    } while (0)

EXTERN_C_END

#endif
