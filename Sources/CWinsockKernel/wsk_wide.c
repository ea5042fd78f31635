// Text of 16-bit characters.
#include "wsk_internal.h"

SIZE_T WskWideLength(PCWSTR text) { return WskWideLengthUpTo(text, (SIZE_T)-1); }

SIZE_T WskWideLengthUpTo(PCWSTR text, SIZE_T maximum) {
    SIZE_T length = 0;
    while (length < maximum && text[length]) {
        length++;
    }
    return length;
}

PWSTR WskWideCopy(PWSTR target, PCWSTR source) {
    memcpy(target, source, (WskWideLength(source) + 1) * sizeof(WCHAR));
    return target;
}

PWSTR WskWideCopyUpTo(PWSTR target, PCWSTR source, SIZE_T maximum) {
    const SIZE_T length = WskWideLengthUpTo(source, maximum);
    memcpy(target, source, length * sizeof(WCHAR));
    memset(target + length, 0, (maximum - length) * sizeof(WCHAR));
    return target;
}

PWSTR WskWideAppend(PWSTR target, PCWSTR source) {
    WskWideCopy(target + WskWideLength(target), source);
    return target;
}

static int compare(PCWSTR first, PCWSTR second, SIZE_T maximum, int takes_capitals) {
    for (SIZE_T i = 0; i < maximum; i++) {
        const WCHAR left = takes_capitals ? RtlDowncaseUnicodeChar(first[i]) : first[i];
        const WCHAR right = takes_capitals ? RtlDowncaseUnicodeChar(second[i]) : second[i];
        if (left != right || !left) {
            return (int)left - (int)right;
        }
    }
    return 0;
}

int WskWideCompare(PCWSTR first, PCWSTR second) { return compare(first, second, (SIZE_T)-1, 0); }
int WskWideCompareUpTo(PCWSTR first, PCWSTR second, SIZE_T maximum) { return compare(first, second, maximum, 0); }
int _wcsicmp(PCWSTR first, PCWSTR second) { return compare(first, second, (SIZE_T)-1, 1); }
int _wcsnicmp(PCWSTR first, PCWSTR second, SIZE_T maximum) { return compare(first, second, maximum, 1); }

PWSTR WskWideFind(PCWSTR text, WCHAR character) {
    for (; *text != character; text++) {
        if (!*text) {
            return NULL;
        }
    }
    return (PWSTR)text;
}

PWSTR WskWideFindLast(PCWSTR text, WCHAR character) {
    for (SIZE_T left = WskWideLength(text) + 1; left > 0; left--) {
        if (text[left - 1] == character) {
            return (PWSTR)text + left - 1;
        }
    }
    return NULL;
}

PWSTR WskWideFindText(PCWSTR text, PCWSTR part) {
    const SIZE_T length = WskWideLength(part);
    for (; compare(text, part, length, 0); text++) {
        if (!*text) {
            return NULL;
        }
    }
    return (PWSTR)text;
}

int _vsnprintf(PSTR target, SIZE_T characters, PCSTR format, va_list arguments) {
    const NTSTATUS status = RtlStringCbVPrintfA(target, characters, format, arguments);
    return status == STATUS_SUCCESS ? (int)strlen(target) : -1;
}

int _snprintf(PSTR target, SIZE_T characters, PCSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = _vsnprintf(target, characters, format, arguments);
    va_end(arguments);
    return length;
}

int _vsnwprintf(PWSTR target, SIZE_T characters, PCWSTR format, va_list arguments) {
    const NTSTATUS status = RtlStringCbVPrintfW(target, characters * sizeof(WCHAR), format, arguments);
    return status == STATUS_SUCCESS ? (int)WskWideLengthUpTo(target, characters) : -1;
}

int _snwprintf(PWSTR target, SIZE_T characters, PCWSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = _vsnwprintf(target, characters, format, arguments);
    va_end(arguments);
    return length;
}
