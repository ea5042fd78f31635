/// The C library's functions for text of WCHAR, under their usual names, and those of Microsoft's that kernel sources use.
/// The host's own functions of these names take characters of 32 bits, and can't be meant where -fshort-wchar is given.
#ifndef WSK_WIDE_H
#define WSK_WIDE_H

#include <ctype.h>
#include <strings.h>

#include "ntdef.h"

EXTERN_C_START

#ifdef __cplusplus
#define WSK_NO_THROW noexcept
#else
#define WSK_NO_THROW
#endif

SIZE_T WskWideLength(PCWSTR Text) WSK_NO_THROW;
SIZE_T WskWideLengthUpTo(PCWSTR Text, SIZE_T Maximum) WSK_NO_THROW;
PWSTR WskWideCopy(PWSTR Target, PCWSTR Source) WSK_NO_THROW;
PWSTR WskWideCopyUpTo(PWSTR Target, PCWSTR Source, SIZE_T Maximum) WSK_NO_THROW;
PWSTR WskWideAppend(PWSTR Target, PCWSTR Source) WSK_NO_THROW;
int WskWideCompare(PCWSTR First, PCWSTR Second) WSK_NO_THROW;
int WskWideCompareUpTo(PCWSTR First, PCWSTR Second, SIZE_T Maximum) WSK_NO_THROW;
PWSTR WskWideFind(PCWSTR Text, WCHAR Character) WSK_NO_THROW;
PWSTR WskWideFindLast(PCWSTR Text, WCHAR Character) WSK_NO_THROW;
PWSTR WskWideFindText(PCWSTR Text, PCWSTR Part) WSK_NO_THROW;

/// Comparisons that take capital letters for small ones.
int _wcsicmp(PCWSTR First, PCWSTR Second);
int _wcsnicmp(PCWSTR First, PCWSTR Second, SIZE_T Maximum);
#define _stricmp(first, second) strcasecmp(first, second)
#define _strnicmp(first, second, maximum) strncasecmp(first, second, maximum)

#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
size_t wcslen(const wchar_t *) WSK_NO_THROW __asm__("WskWideLength");
size_t wcsnlen(const wchar_t *, size_t) WSK_NO_THROW __asm__("WskWideLengthUpTo");
wchar_t *wcscpy(wchar_t *, const wchar_t *) WSK_NO_THROW __asm__("WskWideCopy");
wchar_t *wcsncpy(wchar_t *, const wchar_t *, size_t) WSK_NO_THROW __asm__("WskWideCopyUpTo");
wchar_t *wcscat(wchar_t *, const wchar_t *) WSK_NO_THROW __asm__("WskWideAppend");
int wcscmp(const wchar_t *, const wchar_t *) WSK_NO_THROW __asm__("WskWideCompare");
int wcsncmp(const wchar_t *, const wchar_t *, size_t) WSK_NO_THROW __asm__("WskWideCompareUpTo");
#ifndef __cplusplus
wchar_t *wcschr(const wchar_t *, wchar_t) __asm__("WskWideFind");
wchar_t *wcsrchr(const wchar_t *, wchar_t) __asm__("WskWideFindLast");
wchar_t *wcsstr(const wchar_t *, const wchar_t *) __asm__("WskWideFindText");
#endif
#endif

// Formatting as DbgPrint's. What doesn't fit is cut, NUL-terminated and answered with -1.

int _snprintf(PSTR Target, SIZE_T Characters, PCSTR Format, ...);
int _vsnprintf(PSTR Target, SIZE_T Characters, PCSTR Format, va_list Arguments);
int _snwprintf(PWSTR Target, SIZE_T Characters, PCWSTR Format, ...);
int _vsnwprintf(PWSTR Target, SIZE_T Characters, PCWSTR Format, va_list Arguments);

#define strtok_s(text, separators, rest) strtok_r(text, separators, rest)

EXTERN_C_END

#endif
