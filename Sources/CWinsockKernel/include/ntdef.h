/// The types that everything else is written in, with the sizes that they have on 64-bit Windows: LONG has 32 bits, a
/// pointer 64, WCHAR 16.
#ifndef WSK_NTDEF_H
#define WSK_NTDEF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "sal.h"

// A ported source may have a <stdint.h> of its own, whose types are others than the host's.
#ifdef WSK_SELF_CONTAINED
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
#else
#include <stdint.h>
#endif

#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif

// Words of the compiler that ported sources are written for.

#define NTAPI
#define NTSYSAPI
#define NTSYSCALLAPI
#define NTKERNELAPI
#define NTHALAPI
#define WSKAPI
#define FASTCALL
#define CALLBACK
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define DECLSPEC_ALIGN(bytes) __attribute__((aligned(bytes)))
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(64)
#define DECLSPEC_SELECTANY __attribute__((weak))
#define MEMORY_ALLOCATION_ALIGNMENT 16
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
// What the headers use themselves, whatever a source makes of the other.
#define WSK_INLINE static inline __attribute__((always_inline, unused))
#ifndef FORCEINLINE
#define FORCEINLINE WSK_INLINE
#endif
#define CFORCEINLINE FORCEINLINE
#ifndef __forceinline
#define __forceinline inline __attribute__((always_inline))
#endif
#ifndef __inline
#define __inline inline
#endif

#if !defined(__declspec) && !defined(_MSC_EXTENSIONS)
#define __declspec(attribute) WSK_DECLSPEC_##attribute
#define WSK_DECLSPEC_align(bytes) __attribute__((aligned(bytes)))
#define WSK_DECLSPEC_noreturn __attribute__((noreturn))
#define WSK_DECLSPEC_noinline __attribute__((noinline))
#define WSK_DECLSPEC_selectany __attribute__((weak))
#define WSK_DECLSPEC_dllexport __attribute__((visibility("default")))
#define WSK_DECLSPEC_dllimport
#define WSK_DECLSPEC_deprecated __attribute__((deprecated))
#define WSK_DECLSPEC_thread __thread
#define WSK_DECLSPEC_novtable
#define WSK_DECLSPEC_nothrow
#define WSK_DECLSPEC_restrict
#define WSK_DECLSPEC_code_seg(name)
#define WSK_DECLSPEC_allocate(name)
#endif

#ifndef _MSC_EXTENSIONS
#ifndef __int64
#define __int64 long long
#define __int32 int
#define __int16 short
#define __int8 char
#endif
#ifndef __cdecl
#define __cdecl
#define __stdcall
#define __fastcall
#endif
#define __ptr64
#define __unaligned
#define UNALIGNED
#define RESTRICTED_POINTER
#endif

#ifndef __debugbreak
#define __debugbreak() __builtin_trap()
#endif

// Structured exceptions: nothing here raises one, so a handler never runs, and what follows __finally runs where the
// block before it ends; a `return` in that block passes it by. The C++ library has macros of these names, and goes
// without handlers of its own where a C++ source asks for these by WSK_STRUCTURED_EXCEPTIONS. __leave is a jump to a
// label, so that a function has one block at most where WSK_LEAVE asks for it.
#if !defined(__cplusplus) || defined(WSK_STRUCTURED_EXCEPTIONS)
#if defined(__cplusplus) && __has_include(<bits/exception_defines.h>)
#include <bits/c++config.h>
#include <bits/exception_defines.h>
#endif
#undef __try
#undef __catch
#define __try if (1)
#define __catch(...) if (0)
#ifdef WSK_LEAVE
#define __except(filter)                                                                                               \
    if (0) {                                                                                                           \
    wsk_leave:                                                                                                         \
        __attribute__((unused));                                                                                       \
    } else if (0)
#define __finally                                                                                                      \
    wsk_leave:                                                                                                         \
    __attribute__((unused));
#define __leave goto wsk_leave
#else
#define __except(filter) else
#define __finally
#endif
#define try_return(statement) statement
#if !defined(__cplusplus) && defined(_KERNEL_MODE)
#define try __try
#define except __except
#define finally __finally
#define leave __leave
#endif
#endif
#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define GetExceptionCode() ((NTSTATUS)0)
#define _exception_code() ((NTSTATUS)0)

#ifndef IN
#define IN
#define OUT
#define OPTIONAL
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef VOID
#define VOID void
#endif
#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

// Types.

typedef char CHAR;
typedef signed char SCHAR;
typedef unsigned char UCHAR;
typedef char CCHAR;
typedef short SHORT;
typedef short CSHORT;
typedef unsigned short USHORT;
typedef __INT32_TYPE__ LONG;
typedef __UINT32_TYPE__ ULONG;
typedef __UINT32_TYPE__ CLONG;
typedef __UINT32_TYPE__ DWORD;
typedef int INT;
typedef unsigned int UINT;
typedef __INT32_TYPE__ BOOL;
typedef unsigned char BOOLEAN;
typedef unsigned char BYTE;
typedef unsigned short WORD;
typedef long long LONGLONG;
typedef unsigned long long ULONGLONG;
typedef long long LONG64;
typedef unsigned long long ULONG64;
typedef unsigned long long DWORD64;
typedef unsigned long long UINT64;
typedef long long INT64;
typedef __INT32_TYPE__ INT32;
typedef __INT32_TYPE__ LONG32;
typedef __UINT32_TYPE__ UINT32;
typedef __UINT32_TYPE__ ULONG32;
typedef __UINT32_TYPE__ DWORD32;
typedef __INT16_TYPE__ INT16;
typedef __UINT16_TYPE__ UINT16;
typedef __INT8_TYPE__ INT8;
typedef __UINT8_TYPE__ UINT8;
typedef __INTPTR_TYPE__ LONG_PTR;
typedef __INTPTR_TYPE__ INT_PTR;
typedef __UINTPTR_TYPE__ ULONG_PTR;
typedef __UINTPTR_TYPE__ UINT_PTR;
typedef __UINTPTR_TYPE__ DWORD_PTR;
typedef size_t SIZE_T;
typedef ptrdiff_t SSIZE_T;
typedef ULONG_PTR KAFFINITY;
typedef LONG HRESULT;
typedef ULONG LOGICAL;
typedef ULONG ACCESS_MASK;
typedef UCHAR KIRQL;
typedef CCHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef LONG NTSTATUS;
typedef void *PVOID;
typedef const void *PCVOID;
typedef void *LPVOID;
typedef void *HANDLE;

#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#elif defined(__cplusplus)
typedef char16_t WCHAR;
#else
typedef __UINT16_TYPE__ WCHAR;
#endif

typedef CHAR *PCHAR, *PSTR, *LPSTR, *PSZ;
typedef const CHAR *PCSTR, *LPCSTR, *PCSZ;
typedef UCHAR *PUCHAR;
typedef BYTE *PBYTE;
typedef WORD *PWORD;
typedef DWORD *PDWORD;
typedef SHORT *PSHORT;
typedef USHORT *PUSHORT;
typedef LONG *PLONG;
typedef ULONG *PULONG;
typedef INT *PINT;
typedef UINT *PUINT;
typedef BOOLEAN *PBOOLEAN;
typedef LONGLONG *PLONGLONG;
typedef ULONGLONG *PULONGLONG;
typedef LONG64 *PLONG64;
typedef ULONG64 *PULONG64;
typedef UINT16 *PUINT16;
typedef UINT32 *PUINT32;
typedef UINT64 *PUINT64;
typedef UINT8 *PUINT8;
typedef LONG_PTR *PLONG_PTR;
typedef ULONG_PTR *PULONG_PTR;
typedef SIZE_T *PSIZE_T;
typedef WCHAR *PWCHAR, *PWSTR, *LPWSTR, *PWCH;
typedef const WCHAR *PCWSTR, *LPCWSTR, *PCWCH;
typedef HANDLE *PHANDLE;
typedef NTSTATUS *PNTSTATUS;
typedef KIRQL *PKIRQL;
typedef PVOID *PPVOID;
typedef const CHAR *NTSTRSAFE_PCSTR;
typedef CHAR *NTSTRSAFE_PSTR;
typedef const WCHAR *NTSTRSAFE_PCWSTR;
typedef WCHAR *NTSTRSAFE_PWSTR;
typedef PVOID PSECURITY_DESCRIPTOR;
typedef PVOID PSID;

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

/// Counted text of 16-bit units; `Length` and `MaximumLength` are bytes.
typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

/// Counted text of bytes.
typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING, OEM_STRING, *POEM_STRING, UTF8_STRING, *PUTF8_STRING;
typedef const STRING *PCSTRING, *PCANSI_STRING, *PCOEM_STRING, *PCUTF8_STRING;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY, *PRLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY *Next;
} SLIST_ENTRY, *PSLIST_ENTRY;

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID, UUID, *PGUID;
#endif
typedef const GUID *PCGUID, *LPCGUID;

#ifdef __cplusplus
#define REFGUID const GUID &
static inline bool operator==(const GUID &left, const GUID &right) { return memcmp(&left, &right, sizeof left) == 0; }
static inline bool operator!=(const GUID &left, const GUID &right) { return !(left == right); }
#define IsEqualGUID(left, right) ((left) == (right))
#else
#define REFGUID const GUID *
#define IsEqualGUID(left, right) (memcmp((left), (right), sizeof(GUID)) == 0)
#endif
#define InlineIsEqualGUID(left, right) IsEqualGUID(left, right)

#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                   \
    EXTERN_C const GUID DECLSPEC_SELECTANY name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) EXTERN_C const GUID name
#endif

typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;
typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_OPENIF 0x00000080
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_KERNEL_HANDLE 0x00000200

#define InitializeObjectAttributes(attributes, name, flags, root, descriptor)                                          \
    ((void)((attributes)->Length = sizeof(OBJECT_ATTRIBUTES), (attributes)->RootDirectory = (root),                    \
        (attributes)->Attributes = (flags), (attributes)->ObjectName = (name),                                         \
        (attributes)->SecurityDescriptor = (descriptor), (attributes)->SecurityQualityOfService = NULL))

#define DELETE 0x00010000
#define READ_CONTROL 0x00020000
#define WRITE_DAC 0x00040000
#define WRITE_OWNER 0x00080000
#define SYNCHRONIZE 0x00100000
#define STANDARD_RIGHTS_REQUIRED 0x000f0000
#define STANDARD_RIGHTS_READ READ_CONTROL
#define STANDARD_RIGHTS_ALL 0x001f0000
#define MAXIMUM_ALLOWED 0x02000000
#define GENERIC_ALL 0x10000000
#define GENERIC_EXECUTE 0x20000000
#define GENERIC_WRITE 0x40000000
#define GENERIC_READ 0x80000000

/// A processor of the system: its group, which is 0 here, and its number.
typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

// Names that unions and structs without a name have where a compiler wants one.
#define DUMMYUNIONNAME
#define DUMMYUNIONNAME2
#define DUMMYUNIONNAME3
#define DUMMYUNIONNAME4
#define DUMMYSTRUCTNAME
#define DUMMYSTRUCTNAME2
#define DUMMYSTRUCTNAME3
#define ANYSIZE_ARRAY 1

// Small macros.

#define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)
#define NT_INFORMATION(status) (((ULONG)(status) >> 30) == 1)
#define NT_WARNING(status) (((ULONG)(status) >> 30) == 2)
#define NT_ERROR(status) (((ULONG)(status) >> 30) == 3)
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define DBG_UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(variable) ((void)(variable))
#define UNREFERENCED_LOCAL_VARIABLE(variable) ((void)(variable))
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define UFIELD_OFFSET(type, field) ((ULONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address)-offsetof(type, field)))
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#ifndef _countof
#define _countof(array) RTL_NUMBER_OF(array)
#endif
#ifndef ARRAYSIZE
#define ARRAYSIZE(array) RTL_NUMBER_OF(array)
#endif
#define RTL_CONSTANT_STRING(text) {sizeof(text) - sizeof((text)[0]), sizeof(text), (PVOID)(text)}
#define DECLARE_CONST_UNICODE_STRING(name, text)                                                                       \
    const WCHAR name##_buffer[] = text;                                                                                \
    const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)name##_buffer}
#define DECLARE_UNICODE_STRING_SIZE(name, characters)                                                                 \
    WCHAR name##_buffer[characters];                                                                                   \
    UNICODE_STRING name = {0, (characters) * sizeof(WCHAR), name##_buffer}
#define RTL_CONSTANT_OBJECT_ATTRIBUTES(name, flags)                                                                    \
    {sizeof(OBJECT_ATTRIBUTES), NULL, (PUNICODE_STRING)(name), (flags), NULL, NULL}
#define RTL_PTR_ADD(pointer, bytes) ((PVOID)((ULONG_PTR)(pointer) + (ULONG_PTR)(bytes)))
#define RTL_PTR_SUBTRACT(pointer, bytes) ((PVOID)((ULONG_PTR)(pointer) - (ULONG_PTR)(bytes)))
#define RTL_BITS_OF(value) (sizeof(value) * 8)
#define ALIGN_DOWN_BY(length, alignment) ((ULONG_PTR)(length) & ~((ULONG_PTR)(alignment)-1))
#define ALIGN_UP_BY(length, alignment) ALIGN_DOWN_BY((ULONG_PTR)(length) + (alignment)-1, alignment)
#define ALIGN_UP(length, type) ALIGN_UP_BY(length, sizeof(type))
#define ALIGN_DOWN(length, type) ALIGN_DOWN_BY(length, sizeof(type))
#define ALIGN_UP_POINTER(address, type) ((PVOID)ALIGN_UP(address, type))
#define TYPE_ALIGNMENT(type) _Alignof(type)
#define LOWORD(value) ((WORD)((ULONG_PTR)(value) & 0xffff))
#define HIWORD(value) ((WORD)(((ULONG_PTR)(value) >> 16) & 0xffff))
#define MAKEWORD(low, high) ((WORD)((BYTE)(low) | (WORD)((BYTE)(high) << 8)))
#define MAKELONG(low, high) ((LONG)((WORD)(low) | (DWORD)(WORD)(high) << 16))
#define LOBYTE(value) ((BYTE)((ULONG_PTR)(value) & 0xff))
#define HIBYTE(value) ((BYTE)(((ULONG_PTR)(value) >> 8) & 0xff))
#define Int32x32To64(left, right) ((LONGLONG)(LONG)(left) * (LONGLONG)(LONG)(right))
#define UInt32x32To64(left, right) ((ULONGLONG)(ULONG)(left) * (ULONGLONG)(ULONG)(right))
#define PtrToUlong(pointer) ((ULONG)(ULONG_PTR)(pointer))
#define PtrToLong(pointer) ((LONG)(LONG_PTR)(pointer))
#define UlongToPtr(value) ((PVOID)(ULONG_PTR)(ULONG)(value))
#define LongToPtr(value) ((PVOID)(LONG_PTR)(LONG)(value))
#define UlongToHandle(value) ((HANDLE)(ULONG_PTR)(ULONG)(value))
#define HandleToUlong(handle) ((ULONG)(ULONG_PTR)(handle))
#ifndef __cplusplus
#ifndef min
#define min(left, right) ((left) < (right) ? (left) : (right))
#define max(left, right) ((left) > (right) ? (left) : (right))
#endif
#ifndef C_ASSERT
#define C_ASSERT(condition) _Static_assert(condition, #condition)
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
#elif !defined(C_ASSERT)
#define C_ASSERT(condition) static_assert(condition, #condition)
#endif
#define MAXUCHAR 0xff
#define MAXUSHORT 0xffff
#define MAXULONG 0xffffffffu
#define MAXLONG 0x7fffffff
#define MAXLONGLONG 0x7fffffffffffffffLL
#define MAXULONG_PTR ((ULONG_PTR)-1)
#define MAXSIZE_T ((SIZE_T)-1)
#define UNICODE_NULL ((WCHAR)0)
#define ANSI_NULL ((CHAR)0)
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)
#define UNICODE_STRING_MAX_CHARS 32767
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

// Versions of the interface: what is offered is what the newest one has.

#define NTDDI_WIN2K 0x05000000
#define NTDDI_WINXP 0x05010000
#define NTDDI_WS03 0x05020000
#define NTDDI_VISTA 0x06000000
#define NTDDI_WIN6 NTDDI_VISTA
#define NTDDI_LONGHORN NTDDI_VISTA
#define NTDDI_WIN7 0x06010000
#define NTDDI_WIN8 0x06020000
#define NTDDI_WINBLUE 0x06030000
#define NTDDI_WIN10 0x0A000000
#define NTDDI_WIN10_RS2 0x0A000003
#define NTDDI_WIN10_RS3 0x0A000004
#define NTDDI_WIN10_RS4 0x0A000005
#define NTDDI_WIN10_RS5 0x0A000006
#define NTDDI_WIN10_19H1 0x0A000007
#define NTDDI_WIN10_VB 0x0A000008
#define NTDDI_WIN10_FE 0x0A00000A
#define NTDDI_WIN10_CO 0x0A00000B
#ifndef NTDDI_VERSION
#define NTDDI_VERSION NTDDI_WIN10_CO
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef _NT_TARGET_VERSION
#define _NT_TARGET_VERSION 0x0A00
#endif
#ifndef WINVER
#define WINVER 0x0A00
#endif

#endif
