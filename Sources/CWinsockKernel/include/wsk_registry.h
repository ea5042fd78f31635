/// The registry and files: neither is there. A source that looks for its settings, or keeps a log, compiles, and every
/// call answers STATUS_NOT_SUPPORTED.
#ifndef WSK_REGISTRY_H
#define WSK_REGISTRY_H

#include "wsk_irp.h"
#include "wsk_memory.h"

EXTERN_C_START

#define KEY_QUERY_VALUE 0x0001
#define KEY_SET_VALUE 0x0002
#define KEY_CREATE_SUB_KEY 0x0004
#define KEY_ENUMERATE_SUB_KEYS 0x0008
#define KEY_NOTIFY 0x0010
#define KEY_READ 0x00020019
#define KEY_WRITE 0x00020006
#define KEY_ALL_ACCESS 0x000f003f
#define REG_NONE 0u
#define REG_SZ 1u
#define REG_EXPAND_SZ 2u
#define REG_BINARY 3u
#define REG_DWORD 4u
#define REG_DWORD_LITTLE_ENDIAN 4u
#define REG_DWORD_BIG_ENDIAN 5u
#define REG_MULTI_SZ 7u
#define REG_QWORD 11u
#define REG_OPTION_NON_VOLATILE 0u
#define REG_OPTION_VOLATILE 1u

typedef enum _KEY_VALUE_INFORMATION_CLASS {
    KeyValueBasicInformation,
    KeyValueFullInformation,
    KeyValuePartialInformation,
} KEY_VALUE_INFORMATION_CLASS;
typedef enum _KEY_INFORMATION_CLASS { KeyBasicInformation, KeyNodeInformation, KeyFullInformation }
    KEY_INFORMATION_CLASS;

typedef struct _KEY_VALUE_PARTIAL_INFORMATION {
    ULONG TitleIndex;
    ULONG Type;
    ULONG DataLength;
    UCHAR Data[1];
} KEY_VALUE_PARTIAL_INFORMATION, *PKEY_VALUE_PARTIAL_INFORMATION;

typedef struct _KEY_VALUE_FULL_INFORMATION {
    ULONG TitleIndex;
    ULONG Type;
    ULONG DataOffset;
    ULONG DataLength;
    ULONG NameLength;
    WCHAR Name[1];
} KEY_VALUE_FULL_INFORMATION, *PKEY_VALUE_FULL_INFORMATION;

#define RTL_REGISTRY_ABSOLUTE 0
#define RTL_REGISTRY_SERVICES 1
#define RTL_REGISTRY_CONTROL 2
#define RTL_QUERY_REGISTRY_REQUIRED 0x00000004
#define RTL_QUERY_REGISTRY_DIRECT 0x00000020
#define RTL_QUERY_REGISTRY_TYPECHECK 0x00000100

typedef NTSTATUS RTL_QUERY_REGISTRY_ROUTINE(
    PWSTR ValueName, ULONG ValueType, PVOID ValueData, ULONG ValueLength, PVOID Context, PVOID EntryContext);
typedef RTL_QUERY_REGISTRY_ROUTINE *PRTL_QUERY_REGISTRY_ROUTINE;
typedef struct _RTL_QUERY_REGISTRY_TABLE {
    PRTL_QUERY_REGISTRY_ROUTINE QueryRoutine;
    ULONG Flags;
    PWSTR Name;
    PVOID EntryContext;
    ULONG DefaultType;
    PVOID DefaultData;
    ULONG DefaultLength;
} RTL_QUERY_REGISTRY_TABLE, *PRTL_QUERY_REGISTRY_TABLE;

#define FILE_READ_DATA 0x0001
#define FILE_WRITE_DATA 0x0002
#define FILE_APPEND_DATA 0x0004
#define FILE_READ_ATTRIBUTES 0x0080
#define FILE_WRITE_ATTRIBUTES 0x0100
#define FILE_GENERIC_READ 0x00120089
#define FILE_GENERIC_WRITE 0x00120116
#define FILE_ATTRIBUTE_NORMAL 0x00000080
#define FILE_SHARE_READ 0x00000001
#define FILE_SHARE_WRITE 0x00000002
#define FILE_SHARE_DELETE 0x00000004
#define FILE_SUPERSEDE 0x00000000
#define FILE_OPEN 0x00000001
#define FILE_CREATE 0x00000002
#define FILE_OPEN_IF 0x00000003
#define FILE_OVERWRITE 0x00000004
#define FILE_OVERWRITE_IF 0x00000005
#define FILE_DIRECTORY_FILE 0x00000001
#define FILE_WRITE_THROUGH 0x00000002
#define FILE_SYNCHRONOUS_IO_ALERT 0x00000010
#define FILE_SYNCHRONOUS_IO_NONALERT 0x00000020
#define FILE_NON_DIRECTORY_FILE 0x00000040

typedef enum _FILE_INFORMATION_CLASS {
    FileBasicInformation = 4,
    FileStandardInformation = 5,
    FileRenameInformation = 10,
    FileDispositionInformation = 13,
    FilePositionInformation = 14,
    FileEndOfFileInformation = 20,
} FILE_INFORMATION_CLASS;

typedef struct _FILE_STANDARD_INFORMATION {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER EndOfFile;
    ULONG NumberOfLinks;
    BOOLEAN DeletePending;
    BOOLEAN Directory;
} FILE_STANDARD_INFORMATION, *PFILE_STANDARD_INFORMATION;

typedef VOID IO_APC_ROUTINE(PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG Reserved);
typedef IO_APC_ROUTINE *PIO_APC_ROUTINE;

// Each of them answers that it can't, in a status block where there is one.

WSK_INLINE NTSTATUS WskNoFile(PIO_STATUS_BLOCK IoStatusBlock) {
    if (IoStatusBlock) {
        IoStatusBlock->Status = STATUS_NOT_SUPPORTED;
        IoStatusBlock->Information = 0;
    }
    return STATUS_NOT_SUPPORTED;
}

WSK_INLINE NTSTATUS ZwOpenKey(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes) {
    (void)Access, (void)Attributes;
    *Handle = NULL;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwCreateKey(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG TitleIndex,
    PUNICODE_STRING Class, ULONG Options, PULONG Disposition) {
    (void)Access, (void)Attributes, (void)TitleIndex, (void)Class, (void)Options, (void)Disposition;
    *Handle = NULL;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwQueryValueKey(HANDLE Handle, PUNICODE_STRING Name, KEY_VALUE_INFORMATION_CLASS Class,
    PVOID Information, ULONG Length, PULONG ResultLength) {
    (void)Handle, (void)Name, (void)Class, (void)Information, (void)Length;
    *ResultLength = 0;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwSetValueKey(
    HANDLE Handle, PUNICODE_STRING Name, ULONG TitleIndex, ULONG Type, PVOID Data, ULONG Length) {
    (void)Handle, (void)Name, (void)TitleIndex, (void)Type, (void)Data, (void)Length;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwDeleteKey(HANDLE Handle) {
    (void)Handle;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwDeleteValueKey(HANDLE Handle, PUNICODE_STRING Name) {
    (void)Handle, (void)Name;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwEnumerateKey(HANDLE Handle, ULONG Index, KEY_INFORMATION_CLASS Class, PVOID Information,
    ULONG Length, PULONG ResultLength) {
    (void)Handle, (void)Index, (void)Class, (void)Information, (void)Length;
    *ResultLength = 0;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwFlushKey(HANDLE Handle) {
    (void)Handle;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS RtlQueryRegistryValues(
    ULONG RelativeTo, PCWSTR Path, PRTL_QUERY_REGISTRY_TABLE Table, PVOID Context, PVOID Environment) {
    (void)RelativeTo, (void)Path, (void)Table, (void)Context, (void)Environment;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS RtlWriteRegistryValue(
    ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName, ULONG ValueType, PVOID ValueData, ULONG ValueLength) {
    (void)RelativeTo, (void)Path, (void)ValueName, (void)ValueType, (void)ValueData, (void)ValueLength;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path) {
    (void)RelativeTo, (void)Path;
    return STATUS_NOT_SUPPORTED;
}

WSK_INLINE NTSTATUS ZwCreateFile(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
    PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
    ULONG Disposition, ULONG Options, PVOID EaBuffer, ULONG EaLength) {
    (void)Access, (void)Attributes, (void)AllocationSize, (void)FileAttributes, (void)ShareAccess, (void)Disposition;
    (void)Options, (void)EaBuffer, (void)EaLength;
    *Handle = NULL;
    return WskNoFile(IoStatusBlock);
}
WSK_INLINE NTSTATUS ZwOpenFile(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG Options) {
    (void)Access, (void)Attributes, (void)ShareAccess, (void)Options;
    *Handle = NULL;
    return WskNoFile(IoStatusBlock);
}
WSK_INLINE NTSTATUS ZwReadFile(HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Routine, PVOID Context,
    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, PULONG Key) {
    (void)Handle, (void)Event, (void)Routine, (void)Context, (void)Buffer, (void)Length, (void)Offset, (void)Key;
    return WskNoFile(IoStatusBlock);
}
#define ZwWriteFile ZwReadFile
WSK_INLINE NTSTATUS ZwQueryInformationFile(HANDLE Handle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Information,
    ULONG Length, FILE_INFORMATION_CLASS Class) {
    (void)Handle, (void)Information, (void)Length, (void)Class;
    return WskNoFile(IoStatusBlock);
}
#define ZwSetInformationFile ZwQueryInformationFile
WSK_INLINE NTSTATUS ZwDeleteFile(POBJECT_ATTRIBUTES Attributes) {
    (void)Attributes;
    return STATUS_NOT_SUPPORTED;
}
WSK_INLINE NTSTATUS ZwDeviceIoControlFile(HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Routine, PVOID Context,
    PIO_STATUS_BLOCK IoStatusBlock, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output, ULONG OutputLength) {
    (void)Handle, (void)Event, (void)Routine, (void)Context, (void)Code, (void)Input, (void)InputLength;
    (void)Output, (void)OutputLength;
    return WskNoFile(IoStatusBlock);
}

EXTERN_C_END

#endif
