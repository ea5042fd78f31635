/// Counted strings and output for debugging.
#ifndef WSK_STRING_H
#define WSK_STRING_H

#include "wsk_memory.h"

EXTERN_C_START

VOID RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source);
VOID RtlInitAnsiString(PANSI_STRING Destination, PCSZ Source);
/// The same, with an answer: what is too long is refused.
WSK_INLINE NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING Destination, PCWSTR Source) {
    RtlInitUnicodeString(Destination, Source);
    return Source && Source[Destination->Length / sizeof(WCHAR)] ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}
WSK_INLINE NTSTATUS RtlInitAnsiStringEx(PANSI_STRING Destination, PCSZ Source) {
    RtlInitAnsiString(Destination, Source);
    return Source && Source[Destination->Length] ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}
#define RtlInitString(destination, source) RtlInitAnsiString(destination, source)
#define RtlInitUTF8String(destination, source) RtlInitAnsiString(destination, source)
#define RtlInitEmptyUnicodeString(text, buffer, bytes)                                                                 \
    ((void)((text)->Buffer = (buffer), (text)->MaximumLength = (USHORT)(bytes), (text)->Length = 0))
#define RtlInitEmptyAnsiString RtlInitEmptyUnicodeString

/// Copies as much as the destination has room for.
VOID RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);
BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInSensitive);
LONG RtlCompareUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInSensitive);

/// Conversions. ANSI text is UTF-8 here. Where `AllocateDestinationString`, the result comes from the pool and goes with
/// RtlFreeUnicodeString or RtlFreeAnsiString.
NTSTATUS RtlAnsiStringToUnicodeString(
    PUNICODE_STRING Destination, PCANSI_STRING Source, BOOLEAN AllocateDestinationString);
NTSTATUS RtlUnicodeStringToAnsiString(
    PANSI_STRING Destination, PCUNICODE_STRING Source, BOOLEAN AllocateDestinationString);
#define RtlUTF8StringToUnicodeString RtlAnsiStringToUnicodeString
#define RtlUnicodeStringToUTF8String RtlUnicodeStringToAnsiString
VOID RtlFreeUnicodeString(PUNICODE_STRING UnicodeString);
VOID RtlFreeAnsiString(PANSI_STRING AnsiString);
#define RtlFreeUTF8String(text) RtlFreeAnsiString(text)
ULONG RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString);
ULONG RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString);
#define RtlAnsiStringToUnicodeSize(text) RtlxAnsiStringToUnicodeSize(text)
#define RtlUnicodeStringToAnsiSize(text) RtlxUnicodeStringToAnsiSize(text)
NTSTATUS RtlUnicodeToUTF8N(
    PCHAR Destination, ULONG DestinationBytes, PULONG ActualBytes, PCWSTR Source, ULONG SourceBytes);
NTSTATUS RtlUTF8ToUnicodeN(
    PWSTR Destination, ULONG DestinationBytes, PULONG ActualBytes, PCSTR Source, ULONG SourceBytes);
NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);
NTSTATUS RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String);
NTSTATUS RtlCharToInteger(PCSZ Text, ULONG Base, PULONG Value);
WCHAR RtlUpcaseUnicodeChar(WCHAR Character);
WCHAR RtlDowncaseUnicodeChar(WCHAR Character);
CHAR RtlUpperChar(CHAR Character);

/// Texts in capitals or small letters, and copies of them: in new memory where `AllocateDestinationString`.
NTSTATUS RtlUpcaseUnicodeString(
    PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN AllocateDestinationString);
NTSTATUS RtlDowncaseUnicodeString(
    PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN AllocateDestinationString);
/// A copy of a text in new memory; FALSE: there is none.
BOOLEAN RtlCreateUnicodeString(PUNICODE_STRING Destination, PCWSTR Source);
BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING Prefix, PCUNICODE_STRING Text, BOOLEAN CaseInSensitive);

/// GUIDs as `{00000000-0000-0000-C000-000000000046}`. The text goes with RtlFreeUnicodeString.
NTSTATUS RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING Text);
NTSTATUS RtlGUIDFromString(PCUNICODE_STRING Text, GUID *Guid);

WSK_INLINE LONG RtlCompareString(const STRING *First, const STRING *Second, BOOLEAN CaseInSensitive) {
    const USHORT shorter = First->Length < Second->Length ? First->Length : Second->Length;
    for (USHORT index = 0; index < shorter; index++) {
        const CHAR left = CaseInSensitive ? RtlUpperChar(First->Buffer[index]) : First->Buffer[index];
        const CHAR right = CaseInSensitive ? RtlUpperChar(Second->Buffer[index]) : Second->Buffer[index];
        if (left != right) {
            return (LONG)(UCHAR)left - (LONG)(UCHAR)right;
        }
    }
    return (LONG)First->Length - (LONG)Second->Length;
}

WSK_INLINE BOOLEAN RtlEqualString(const STRING *First, const STRING *Second, BOOLEAN CaseInSensitive) {
    return RtlCompareString(First, Second, CaseInSensitive) == 0;
}

/// Copies as much as the destination has room for.
WSK_INLINE VOID RtlCopyString(PSTRING Destination, const STRING *Source) {
    const USHORT most = Destination->MaximumLength;
    Destination->Length = Source->Length < most ? Source->Length : most;
    memcpy(Destination->Buffer, Source->Buffer, Destination->Length);
}

/// As RtlUnicodeToUTF8N and back; what doesn't fit is cut.
WSK_INLINE NTSTATUS RtlUnicodeToMultiByteN(
    PCHAR Destination, ULONG DestinationBytes, PULONG ActualBytes, PCWSTR Source, ULONG SourceBytes) {
    RtlUnicodeToUTF8N(Destination, DestinationBytes, ActualBytes, Source, SourceBytes);
    return STATUS_SUCCESS;
}
WSK_INLINE NTSTATUS RtlMultiByteToUnicodeN(
    PWSTR Destination, ULONG DestinationBytes, PULONG ActualBytes, PCSTR Source, ULONG SourceBytes) {
    RtlUTF8ToUnicodeN(Destination, DestinationBytes, ActualBytes, Source, SourceBytes);
    return STATUS_SUCCESS;
}

// Output goes to standard error. Formats take what kernel drivers write: %I64d, %wZ, %Z, %S and %ws beside C's own.

#define DPFLTR_IHVDRIVER_ID 77
#define DPFLTR_IHVNETWORK_ID 80
#define DPFLTR_DEFAULT_ID 101
#define DPFLTR_ERROR_LEVEL 0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL 2
#define DPFLTR_INFO_LEVEL 3

ULONG DbgPrint(PCSTR Format, ...);
ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments);
ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments);
#define KdPrint(arguments) DbgPrint arguments
#define KdPrintEx(arguments) DbgPrintEx arguments
#define DbgBreakPoint() __builtin_trap()
#define KdBreakPoint() __builtin_trap()
#define DbgRaiseAssertionFailure() __builtin_trap()
#define KD_DEBUGGER_ENABLED FALSE
#define KD_DEBUGGER_NOT_PRESENT TRUE

EXTERN_C_END

#endif
