// Text, numbers and points in time in the forms that drivers turn them into.
#include "check.h"
#include <ntstrsafe.h>
#include <wsk_load.h>

#define TEXT_OF(text) ((PWSTR)(PVOID)u##text)

static UNICODE_STRING of(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

static int is(PCUNICODE_STRING string, PCWSTR text) {
    UNICODE_STRING wanted = of(text);
    return RtlEqualUnicodeString(string, &wanted, FALSE);
}

static void test_case(void) {
    UNICODE_STRING source = of(TEXT_OF("Straße 7")), head = of(TEXT_OF("strA")), made;
    CHECK_STATUS(RtlUpcaseUnicodeString(&made, &source, TRUE), STATUS_SUCCESS);
    CHECK(is(&made, TEXT_OF("STRAßE 7")) && made.Buffer[made.Length / 2] == 0);
    CHECK_STATUS(RtlDowncaseUnicodeString(&made, &made, FALSE), STATUS_SUCCESS);
    CHECK(is(&made, TEXT_OF("straße 7")));
    RtlFreeUnicodeString(&made);
    CHECK(RtlPrefixUnicodeString(&head, &source, TRUE) && !RtlPrefixUnicodeString(&head, &source, FALSE));
    CHECK(!RtlPrefixUnicodeString(&source, &head, TRUE));
    CHECK(RtlCreateUnicodeString(&made, source.Buffer) && made.Buffer != source.Buffer && is(&made, source.Buffer));
    RtlFreeUnicodeString(&made);
    WCHAR small[4];
    UNICODE_STRING little = {0, sizeof small, small};
    CHECK_STATUS(RtlUpcaseUnicodeString(&little, &source, FALSE), STATUS_BUFFER_OVERFLOW);
    STRING left, right;
    RtlInitAnsiString(&left, "Host");
    RtlInitAnsiString(&right, "hosts");
    CHECK(!RtlEqualString(&left, &right, TRUE) && RtlCompareString(&left, &right, TRUE) < 0);
    right.Length = 4;
    CHECK(RtlEqualString(&left, &right, TRUE) && !RtlEqualString(&left, &right, FALSE));
}

static void test_guids(void) {
    GUID guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 0xfe}}, read;
    UNICODE_STRING text;
#ifdef __cplusplus
    CHECK_STATUS(RtlStringFromGUID(guid, &text), STATUS_SUCCESS);
#else
    CHECK_STATUS(RtlStringFromGUID(&guid, &text), STATUS_SUCCESS);
#endif
    CHECK(is(&text, TEXT_OF("{12345678-9ABC-DEF0-0102-0304050607FE}")));
    CHECK_STATUS(RtlGUIDFromString(&text, &read), STATUS_SUCCESS);
    CHECK(memcmp(&guid, &read, sizeof guid) == 0);
    text.Buffer[3] = 'x';
    CHECK_STATUS(RtlGUIDFromString(&text, &read), STATUS_INVALID_PARAMETER);
    RtlFreeUnicodeString(&text);
}

static void test_numbers(void) {
    WCHAR room[32];
    UNICODE_STRING text = {0, sizeof room, room};
    ULONG value = 0;
    CHECK_STATUS(RtlInt64ToUnicodeString(0x123456789abcull, 16, &text), STATUS_SUCCESS);
    CHECK(is(&text, TEXT_OF("123456789ABC")));
    CHECK_STATUS(RtlCharToInteger("0x1f.", 0, &value), STATUS_SUCCESS);
    CHECK(value == 31);
    CHECK_STATUS(RtlCharToInteger("12", 7, &value), STATUS_INVALID_PARAMETER);
    char narrow[8];
    CHECK(_snprintf(narrow, sizeof narrow, "%lu:%I64d", (ULONG)7, (LONG64)8) == 3 && strcmp(narrow, "7:8") == 0);
    CHECK(_snprintf(narrow, sizeof narrow, "%s", "too long for it") == -1 && strcmp(narrow, "too lon") == 0);
    CHECK(_stricmp("Content-LENGTH", "content-length") == 0 && _strnicmp("abc", "ABd", 2) == 0);
}

static void test_wide(void) {
    WCHAR room[32];
    CHECK(WskWideLength(TEXT_OF("abc")) == 3 && WskWideLengthUpTo(TEXT_OF("abc"), 2) == 2);
    WskWideCopy(room, TEXT_OF("one"));
    WskWideAppend(room, TEXT_OF(" two"));
    CHECK(WskWideCompare(room, TEXT_OF("one two")) == 0 && WskWideCompareUpTo(room, TEXT_OF("onX"), 2) == 0);
    CHECK(WskWideFind(room, 'e') == room + 2 && WskWideFindLast(room, 'o') == room + 6 && !WskWideFind(room, 'z'));
    CHECK(WskWideFindText(room, TEXT_OF("two")) == room + 4 && !WskWideFindText(room, TEXT_OF("three")));
    CHECK(_wcsicmp(room, TEXT_OF("ONE TWO")) == 0 && _wcsnicmp(room, TEXT_OF("ONCE"), 2) == 0);
    WskWideCopyUpTo(room, TEXT_OF("xy"), 4);
    CHECK(room[2] == 0 && room[3] == 0 && room[4] == 't');
#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
    CHECK(wcslen(L"abcd") == 4 && wcscmp(L"a", L"b") < 0 && wcsncmp(L"ab", L"ac", 1) == 0);
    wcscat(wcscpy((wchar_t *)room, L"left"), L"right");
    CHECK(wcslen((wchar_t *)room) == 9);
#endif
}

static void test_calendar(void) {
    LARGE_INTEGER time, back, zoned;
    TIME_FIELDS fields = {2024, 2, 29, 13, 14, 15, 678, 0}, read;
    ULONG seconds = 0;
    CHECK(RtlTimeFieldsToTime(&fields, &time));
    RtlTimeToTimeFields(&time, &read);
    CHECK(read.Year == 2024 && read.Month == 2 && read.Day == 29 && read.Hour == 13 && read.Minute == 14);
    CHECK(read.Second == 15 && read.Milliseconds == 678 && read.Weekday == 4);
    fields.Year = 2023;
    CHECK(!RtlTimeFieldsToTime(&fields, &back));
    CHECK(RtlTimeToSecondsSince1970(&time, &seconds) && seconds == 1709212455);
    RtlSecondsSince1970ToTime(seconds, &back);
    CHECK(back.QuadPart / 10000000 == time.QuadPart / 10000000);
    time.QuadPart = 0;
    RtlTimeToTimeFields(&time, &read);
    CHECK(read.Year == 1601 && read.Month == 1 && read.Day == 1 && read.Weekday == 1);
    CHECK(!RtlTimeToSecondsSince1970(&time, &seconds));
    KeQuerySystemTime(&time);
    ExSystemTimeToLocalTime(&time, &zoned);
    ExLocalTimeToSystemTime(&zoned, &back);
    CHECK(back.QuadPart == time.QuadPart && zoned.QuadPart - time.QuadPart == -210 * 600000000LL);
}

static void test_nowhere(void) {
    HANDLE handle = &handle;
    IO_STATUS_BLOCK block;
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    CHECK_STATUS(ZwOpenKey(&handle, KEY_READ, &attributes), STATUS_NOT_SUPPORTED);
    CHECK_STATUS(ZwCreateFile(&handle, GENERIC_READ, &attributes, &block, NULL, 0, 0, FILE_OPEN, 0, NULL, 0),
        STATUS_NOT_SUPPORTED);
    CHECK(!handle && block.Status == STATUS_NOT_SUPPORTED);
    OSVERSIONINFOW version;
    version.dwOSVersionInfoSize = sizeof version;
    CHECK_STATUS(RtlGetVersion(&version), STATUS_SUCCESS);
    CHECK(version.dwMajorVersion == 10);
}

int main(void) {
    test_case();
    test_guids();
    test_numbers();
    test_wide();
    test_calendar();
    test_nowhere();
    CHECK(WskCountObjects() == 0);
    puts("done");
    return 0;
}
