/// Pool, lookaside lists, and the copying and filling of memory.
#ifndef WSK_MEMORY_H
#define WSK_MEMORY_H

#include "wsk_object.h"

EXTERN_C_START

typedef enum _POOL_TYPE {
    NonPagedPool = 0,
    PagedPool = 1,
    NonPagedPoolMustSucceed = 2,
    NonPagedPoolCacheAligned = 4,
    PagedPoolCacheAligned = 5,
    NonPagedPoolNx = 512,
    NonPagedPoolNxCacheAligned = 516,
} POOL_TYPE;

typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_USE_QUOTA 0x1ULL
#define POOL_FLAG_UNINITIALIZED 0x2ULL
#define POOL_FLAG_SESSION 0x4ULL
#define POOL_FLAG_CACHE_ALIGNED 0x8ULL
#define POOL_FLAG_RAISE_ON_FAILURE 0x20ULL
#define POOL_FLAG_NON_PAGED 0x40ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x80ULL
#define POOL_FLAG_PAGED 0x100ULL
#define POOL_NX_ALLOCATION 512
#define POOL_ZERO_ALLOCATION 1024
#define POOL_COLD_ALLOCATION 256

/// Takes memory from the pool, NULL where there is none. The tag, e.g. 'ohcE', names it in reports of what is left.
/// ExAllocatePool2 and ExAllocatePoolZero give zeroes.
PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);

/// Gives memory back. A trap for what isn't pool memory, or was freed before; NULL is ignored.
VOID ExFreePoolWithTag(PVOID Memory, ULONG Tag);

#define ExAllocatePoolUninitialized(type, bytes, tag) ExAllocatePoolWithTag(type, bytes, tag)
#define ExAllocatePoolQuotaZero(type, bytes, tag) ExAllocatePoolZero(type, bytes, tag)
#define ExAllocatePoolWithQuotaTag(type, bytes, tag) ExAllocatePoolWithTag((POOL_TYPE)(type), bytes, tag)
#define ExAllocatePoolWithTagPriority(type, bytes, tag, priority) ExAllocatePoolWithTag(type, bytes, tag)
#define ExAllocatePool(type, bytes) ExAllocatePoolWithTag(type, bytes, 0x656E6F4Eu)
#define ExFreePool(memory) ExFreePoolWithTag(memory, 0)
#define ExFreePool2(memory, tag, parameters, count) ExFreePoolWithTag(memory, tag)

#define DrvRtPoolNxOptIn 1
#define ExInitializeDriverRuntime(flags) ((void)(flags))

// Lookaside lists: here each block comes from the pool, so that a sanitizer sees its life.

typedef PVOID ALLOCATE_FUNCTION(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef ALLOCATE_FUNCTION *PALLOCATE_FUNCTION;
typedef VOID FREE_FUNCTION(PVOID Buffer);
typedef FREE_FUNCTION *PFREE_FUNCTION;
typedef struct _LOOKASIDE_LIST_EX LOOKASIDE_LIST_EX, *PLOOKASIDE_LIST_EX;
typedef PVOID ALLOCATE_FUNCTION_EX(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside);
typedef ALLOCATE_FUNCTION_EX *PALLOCATE_FUNCTION_EX;
typedef VOID FREE_FUNCTION_EX(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside);
typedef FREE_FUNCTION_EX *PFREE_FUNCTION_EX;

struct _LOOKASIDE_LIST_EX {
    SIZE_T Size;
    ULONG Tag;
    POOL_TYPE Type;
    PALLOCATE_FUNCTION Allocate;
    PFREE_FUNCTION Free;
    PALLOCATE_FUNCTION_EX AllocateEx;
    PFREE_FUNCTION_EX FreeEx;
};
typedef LOOKASIDE_LIST_EX NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST;
typedef LOOKASIDE_LIST_EX PAGED_LOOKASIDE_LIST, *PPAGED_LOOKASIDE_LIST;

#define EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL 1
#define EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE 2

WSK_INLINE NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
    PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth) {
    (void)Flags;
    (void)Depth;
    memset(Lookaside, 0, sizeof *Lookaside);
    Lookaside->Size = Size;
    Lookaside->Tag = Tag;
    Lookaside->Type = PoolType;
    Lookaside->AllocateEx = Allocate;
    Lookaside->FreeEx = Free;
    return STATUS_SUCCESS;
}

WSK_INLINE PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) {
    if (Lookaside->AllocateEx) {
        return Lookaside->AllocateEx(Lookaside->Type, Lookaside->Size, Lookaside->Tag, Lookaside);
    }
    if (Lookaside->Allocate) {
        return Lookaside->Allocate(Lookaside->Type, Lookaside->Size, Lookaside->Tag);
    }
    return ExAllocatePoolWithTag(Lookaside->Type, Lookaside->Size, Lookaside->Tag);
}

WSK_INLINE VOID ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry) {
    if (Lookaside->FreeEx) {
        Lookaside->FreeEx(Entry, Lookaside);
    } else if (Lookaside->Free) {
        Lookaside->Free(Entry);
    } else {
        ExFreePoolWithTag(Entry, Lookaside->Tag);
    }
}

WSK_INLINE VOID ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) { (void)Lookaside; }
WSK_INLINE VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) { (void)Lookaside; }

WSK_INLINE VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
    PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth) {
    ExInitializeLookasideListEx(Lookaside, NULL, NULL, NonPagedPoolNx, Flags, Size, Tag, Depth);
    Lookaside->Allocate = Allocate;
    Lookaside->Free = Free;
}
#define ExInitializePagedLookasideList ExInitializeNPagedLookasideList
#define ExAllocateFromNPagedLookasideList(list) ExAllocateFromLookasideListEx(list)
#define ExAllocateFromPagedLookasideList(list) ExAllocateFromLookasideListEx(list)
#define ExFreeToNPagedLookasideList(list, entry) ExFreeToLookasideListEx(list, entry)
#define ExFreeToPagedLookasideList(list, entry) ExFreeToLookasideListEx(list, entry)
#define ExDeleteNPagedLookasideList(list) ExDeleteLookasideListEx(list)
#define ExDeletePagedLookasideList(list) ExDeleteLookasideListEx(list)

// Memory.

#define RtlCopyMemory(target, source, length) ((void)memcpy((target), (source), (length)))
#define RtlMoveMemory(target, source, length) ((void)memmove((target), (source), (length)))
#define RtlFillMemory(target, length, value) ((void)memset((target), (value), (length)))
#define RtlZeroMemory(target, length) ((void)memset((target), 0, (length)))
#define RtlCopyBytes RtlCopyMemory
#define RtlZeroBytes RtlZeroMemory
#define RtlFillBytes RtlFillMemory
#define RtlCopyMemoryNonTemporal RtlCopyMemory
#define RtlEqualMemory(left, right, length) (memcmp((left), (right), (length)) == 0)

WSK_INLINE PVOID RtlSecureZeroMemory(PVOID Target, SIZE_T Length) {
    for (SIZE_T index = 0; index < Length; index++) {
        ((volatile UCHAR *)Target)[index] = 0;
    }
    return Target;
}

WSK_INLINE SIZE_T RtlCompareMemory(const VOID *Left, const VOID *Right, SIZE_T Length) {
    SIZE_T count = 0;
    while (count < Length && ((const UCHAR *)Left)[count] == ((const UCHAR *)Right)[count]) {
        count++;
    }
    return count;
}

WSK_INLINE USHORT RtlUshortByteSwap(USHORT Value) { return __builtin_bswap16(Value); }
WSK_INLINE ULONG RtlUlongByteSwap(ULONG Value) { return __builtin_bswap32(Value); }
WSK_INLINE ULONGLONG RtlUlonglongByteSwap(ULONGLONG Value) { return __builtin_bswap64(Value); }
#define _byteswap_ushort(value) __builtin_bswap16(value)
#define _byteswap_ulong(value) __builtin_bswap32(value)
#define _byteswap_uint64(value) __builtin_bswap64(value)
/// A number up to 0x7fffffff that is hard to guess.
ULONG RtlRandomEx(PULONG Seed);
#define RtlRandom(seed) RtlRandomEx(seed)

EXTERN_C_END

#endif
