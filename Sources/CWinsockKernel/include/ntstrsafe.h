/// Bounded formatting and copying of C strings. What doesn't fit is cut, NUL-terminated, and answered with
/// STATUS_BUFFER_OVERFLOW.
#ifndef WSK_NTSTRSAFE_H
#define WSK_NTSTRSAFE_H

#include "wsk_string.h"

EXTERN_C_START

#define NTSTRSAFE_MAX_CCH 2147483647
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))

NTSTATUS RtlStringCbVPrintfA(PSTR Destination, SIZE_T Bytes, PCSTR Format, va_list Arguments);
NTSTATUS RtlStringCbPrintfA(PSTR Destination, SIZE_T Bytes, PCSTR Format, ...);
NTSTATUS RtlStringCbVPrintfW(PWSTR Destination, SIZE_T Bytes, PCWSTR Format, va_list Arguments);
NTSTATUS RtlStringCbPrintfW(PWSTR Destination, SIZE_T Bytes, PCWSTR Format, ...);
NTSTATUS RtlStringCchPrintfA(PSTR Destination, SIZE_T Characters, PCSTR Format, ...);
NTSTATUS RtlStringCchPrintfW(PWSTR Destination, SIZE_T Characters, PCWSTR Format, ...);
NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING Destination, PCWSTR Format, ...);
#define RtlStringCchVPrintfA(destination, characters, format, arguments)                                               \
    RtlStringCbVPrintfA(destination, characters, format, arguments)

WSK_INLINE NTSTATUS RtlStringCbLengthA(PCSTR Text, SIZE_T Maximum, SIZE_T *Length) {
    for (SIZE_T count = 0; Text && count < Maximum; count++) {
        if (!Text[count]) {
            if (Length) {
                *Length = count;
            }
            return STATUS_SUCCESS;
        }
    }
    return STATUS_INVALID_PARAMETER;
}

WSK_INLINE NTSTATUS RtlStringCchLengthW(PCWSTR Text, SIZE_T Maximum, SIZE_T *Length) {
    for (SIZE_T count = 0; Text && count < Maximum; count++) {
        if (!Text[count]) {
            if (Length) {
                *Length = count;
            }
            return STATUS_SUCCESS;
        }
    }
    return STATUS_INVALID_PARAMETER;
}

WSK_INLINE NTSTATUS RtlStringCbLengthW(PCWSTR Text, SIZE_T Maximum, SIZE_T *Length) {
    SIZE_T characters = 0;
    const NTSTATUS status = RtlStringCchLengthW(Text, Maximum / sizeof(WCHAR), &characters);
    if (Length) {
        *Length = characters * sizeof(WCHAR);
    }
    return status;
}

WSK_INLINE NTSTATUS RtlStringCbCopyNA(PSTR Destination, SIZE_T Bytes, PCSTR Source, SIZE_T Length) {
    SIZE_T count = 0;
    if (!Bytes) {
        return STATUS_INVALID_PARAMETER;
    }
    while (count < Length && Source[count]) {
        if (count + 1 == Bytes) {
            Destination[count] = 0;
            return STATUS_BUFFER_OVERFLOW;
        }
        Destination[count] = Source[count];
        count++;
    }
    Destination[count] = 0;
    return STATUS_SUCCESS;
}

WSK_INLINE NTSTATUS RtlStringCchCopyNW(PWSTR Destination, SIZE_T Characters, PCWSTR Source, SIZE_T Length) {
    SIZE_T count = 0;
    if (!Characters) {
        return STATUS_INVALID_PARAMETER;
    }
    while (count < Length && Source[count]) {
        if (count + 1 == Characters) {
            Destination[count] = 0;
            return STATUS_BUFFER_OVERFLOW;
        }
        Destination[count] = Source[count];
        count++;
    }
    Destination[count] = 0;
    return STATUS_SUCCESS;
}

WSK_INLINE NTSTATUS RtlStringCbCatA(PSTR Destination, SIZE_T Bytes, PCSTR Source) {
    SIZE_T length = 0;
    const NTSTATUS status = RtlStringCbLengthA(Destination, Bytes, &length);
    return NT_SUCCESS(status) ? RtlStringCbCopyNA(Destination + length, Bytes - length, Source, NTSTRSAFE_MAX_CCH)
                              : status;
}

WSK_INLINE NTSTATUS RtlStringCchCatW(PWSTR Destination, SIZE_T Characters, PCWSTR Source) {
    SIZE_T length = 0;
    const NTSTATUS status = RtlStringCchLengthW(Destination, Characters, &length);
    return NT_SUCCESS(status)
        ? RtlStringCchCopyNW(Destination + length, Characters - length, Source, NTSTRSAFE_MAX_CCH)
        : status;
}

#define RtlStringCchLengthA(text, maximum, length) RtlStringCbLengthA(text, maximum, length)
#define RtlStringCbCopyA(destination, bytes, source) RtlStringCbCopyNA(destination, bytes, source, NTSTRSAFE_MAX_CCH)
#define RtlStringCchCopyA(destination, count, source) RtlStringCbCopyNA(destination, count, source, NTSTRSAFE_MAX_CCH)
#define RtlStringCchCopyNA(destination, count, source, length) RtlStringCbCopyNA(destination, count, source, length)
#define RtlStringCchCatA(destination, count, source) RtlStringCbCatA(destination, count, source)
#define RtlStringCchCopyW(destination, count, source) RtlStringCchCopyNW(destination, count, source, NTSTRSAFE_MAX_CCH)
#define RtlStringCbCopyW(destination, bytes, source)                                                                   \
    RtlStringCchCopyNW(destination, (bytes) / sizeof(WCHAR), source, NTSTRSAFE_MAX_CCH)
#define RtlStringCbCopyNW(destination, bytes, source, length)                                                          \
    RtlStringCchCopyNW(destination, (bytes) / sizeof(WCHAR), source, (length) / sizeof(WCHAR))
#define RtlStringCbCatW(destination, bytes, source)                                                                    \
    RtlStringCchCatW(destination, (bytes) / sizeof(WCHAR), source)

EXTERN_C_END

#endif
