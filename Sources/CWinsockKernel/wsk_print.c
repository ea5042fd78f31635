// Formats as kernel drivers write them: `l` stands for 32 bits, I64, I and z for 64; %wZ and %Z take counted strings,
// %S a string of the other width.
#include <stdio.h>
#include <unistd.h>

#include "wsk_internal.h"

typedef struct output {
    char *text;
    size_t capacity;
    size_t length;
} output;

static void put(output *out, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++, out->length++) {
        if (out->length + 1 < out->capacity) {
            out->text[out->length] = bytes[i];
        }
    }
}

static void put_padded(output *out, const char *bytes, size_t count, int width, int is_left) {
    const size_t fill = width > 0 && (size_t)width > count ? (size_t)width - count : 0;
    for (size_t i = 0; !is_left && i < fill; i++) {
        put(out, " ", 1);
    }
    put(out, bytes, count);
    for (size_t i = 0; is_left && i < fill; i++) {
        put(out, " ", 1);
    }
}

static void put_wide(output *out, const WCHAR *text, size_t count, int width, int is_left) {
    char bytes[1024];
    ULONG length = 0;
    RtlUnicodeToUTF8N(bytes, sizeof bytes, &length, text, (ULONG)(count * sizeof(WCHAR)));
    put_padded(out, bytes, length, width, is_left);
}

typedef struct conversion {
    char flags[8];
    int width;
    int precision;
    /// 0 for int, 2 for 16 bits, 1 for 8 bits, 8 for 64 bits.
    int size;
    int is_wide;
    int is_narrow;
} conversion;

static const char *read_conversion(const char *format, conversion *c, va_list *arguments) {
    size_t flags = 0;
    *c = (conversion){.precision = -1};
    while (*format && strchr("-+ #0", *format)) {
        if (flags + 1 < sizeof c->flags) {
            c->flags[flags++] = *format;
        }
        format++;
    }
    if (*format == '*') {
        c->width = va_arg(*arguments, int);
        format++;
    }
    while (*format >= '0' && *format <= '9' && c->width < 100000) {
        c->width = c->width * 10 + (*format++ - '0');
    }
    if (*format == '.') {
        format++;
        c->precision = 0;
        if (*format == '*') {
            c->precision = va_arg(*arguments, int);
            format++;
        }
        while (*format >= '0' && *format <= '9' && c->precision < 100000) {
            c->precision = c->precision * 10 + (*format++ - '0');
        }
    }
    for (;; format++) {
        if (strncmp(format, "I64", 3) == 0) {
            c->size = 8;
            format += 2;
        } else if (strncmp(format, "I32", 3) == 0) {
            format += 2;
        } else if (strncmp(format, "ll", 2) == 0) {
            c->size = 8;
            format++;
        } else if (*format == 'I' || *format == 'z' || *format == 'j' || *format == 't') {
            c->size = 8;
        } else if (*format == 'l' || *format == 'w') {
            c->is_wide = 1;
        } else if (strncmp(format, "hh", 2) == 0) {
            c->size = 1;
            format++;
        } else if (*format == 'h') {
            c->size = 2;
            c->is_narrow = 1;
        } else {
            return format;
        }
    }
}

static void put_number(output *out, const conversion *c, char letter, va_list *arguments) {
    char pattern[48], text[160];
    long long value;
    const int is_signed = letter == 'd' || letter == 'i';
    if (c->size == 8) {
        value = va_arg(*arguments, long long);
    } else {
        const int given = va_arg(*arguments, int);
        value = is_signed ? given : (long long)(unsigned)given;
        if (c->size == 2) {
            value = is_signed ? (short)given : (unsigned short)given;
        } else if (c->size == 1) {
            value = is_signed ? (signed char)given : (unsigned char)given;
        }
    }
    snprintf(pattern, sizeof pattern, "%%%s*.*ll%c", c->flags, letter);
    const int length = snprintf(text, sizeof text, pattern, c->width < 100 ? c->width : 100,
        c->precision < 100 ? c->precision : 100, value);
    put(out, text, length > 0 ? (size_t)length : 0);
}

static void put_text(output *out, const conversion *c, int is_wide, va_list *arguments) {
    const int is_left = strchr(c->flags, '-') != NULL;
    const size_t limit = c->precision >= 0 ? (size_t)c->precision : 65536;
    size_t count = 0;
    if (is_wide) {
        const WCHAR *text = va_arg(*arguments, const WCHAR *);
        while (text && count < limit && count < 512 && text[count]) {
            count++;
        }
        text ? put_wide(out, text, count, c->width, is_left) : put(out, "(null)", 6);
    } else {
        const char *text = va_arg(*arguments, const char *);
        while (text && count < limit && text[count]) {
            count++;
        }
        text ? put_padded(out, text, count, c->width, is_left) : put(out, "(null)", 6);
    }
}

static void put_counted(output *out, const conversion *c, va_list *arguments) {
    const void *given = va_arg(*arguments, const void *);
    if (!given) {
        put(out, "(null)", 6);
    } else if (c->is_wide) {
        const UNICODE_STRING *text = given;
        put_wide(out, text->Buffer, text->Length / sizeof(WCHAR), c->width, 0);
    } else {
        const STRING *text = given;
        put(out, text->Buffer, text->Length);
    }
}

/// Formats into `text`; answers how long the whole is.
static size_t format_text(char *text, size_t capacity, int is_wide_format, const char *format, va_list *arguments) {
    output out = {text, capacity, 0};
    while (*format) {
        if (*format != '%') {
            put(&out, format++, 1);
            continue;
        }
        if (format[1] == '%') {
            put(&out, "%", 1);
            format += 2;
            continue;
        }
        conversion c;
        format = read_conversion(format + 1, &c, arguments);
        const char letter = *format;
        if (!letter) {
            break;
        }
        format++;
        switch (letter) {
        case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': put_number(&out, &c, letter, arguments); break;
        case 'c': case 'C': {
            const char one = (char)va_arg(*arguments, int);
            put_padded(&out, &one, 1, c.width, strchr(c.flags, '-') != NULL);
            break;
        }
        case 'p': {
            char number[32];
            const int length = snprintf(number, sizeof number, "%016zX", (size_t)va_arg(*arguments, void *));
            put(&out, number, (size_t)length);
            break;
        }
        case 's': put_text(&out, &c, c.is_wide || (is_wide_format && !c.is_narrow), arguments); break;
        case 'S': put_text(&out, &c, !is_wide_format, arguments); break;
        case 'Z': put_counted(&out, &c, arguments); break;
        default: put(&out, &letter, 1); break;
        }
    }
    if (capacity) {
        text[out.length < capacity ? out.length : capacity - 1] = 0;
    }
    return out.length;
}

ULONG vDbgPrintExWithPrefix(PCSTR prefix, ULONG component, ULONG level, PCSTR format, va_list arguments) {
    (void)component;
    (void)level;
    char text[2048];
    va_list copy;
    va_copy(copy, arguments);
    size_t start = 0;
    while (prefix && prefix[start] && start < sizeof text - 1) {
        text[start] = prefix[start];
        start++;
    }
    size_t length = start + format_text(text + start, sizeof text - start, 0, format, &copy);
    va_end(copy);
    length = length < sizeof text ? length : sizeof text - 1;
    for (size_t done = 0; done < length;) {
        const ssize_t written = write(STDERR_FILENO, text + done, length - done);
        if (written <= 0) {
            break;
        }
        done += (size_t)written;
    }
    return 0;
}

ULONG vDbgPrintEx(ULONG component, ULONG level, PCSTR format, va_list arguments) {
    return vDbgPrintExWithPrefix(NULL, component, level, format, arguments);
}

ULONG DbgPrint(PCSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vDbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_ERROR_LEVEL, format, arguments);
    va_end(arguments);
    return 0;
}

ULONG DbgPrintEx(ULONG component, ULONG level, PCSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vDbgPrintEx(component, level, format, arguments);
    va_end(arguments);
    return 0;
}

NTSTATUS RtlStringCbVPrintfA(PSTR destination, SIZE_T bytes, PCSTR format, va_list arguments) {
    if (!destination || !bytes || bytes > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    va_list copy;
    va_copy(copy, arguments);
    const size_t length = format_text(destination, bytes, 0, format, &copy);
    va_end(copy);
    return length < bytes ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTATUS RtlStringCbVPrintfW(PWSTR destination, SIZE_T bytes, PCWSTR format, va_list arguments) {
    char pattern[512], text[2048];
    ULONG length = 0;
    SIZE_T characters = 0;
    if (!destination || bytes < sizeof(WCHAR) || NT_ERROR(RtlStringCchLengthW(format, sizeof pattern, &characters))) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlUnicodeToUTF8N(pattern, sizeof pattern - 1, &length, format, (ULONG)(characters * sizeof(WCHAR)));
    pattern[length] = 0;
    va_list copy;
    va_copy(copy, arguments);
    size_t whole = format_text(text, sizeof text, 1, pattern, &copy);
    va_end(copy);
    whole = whole < sizeof text ? whole : sizeof text - 1;
    const NTSTATUS status =
        RtlUTF8ToUnicodeN(destination, (ULONG)(bytes - sizeof(WCHAR)), &length, text, (ULONG)whole);
    destination[length / sizeof(WCHAR)] = 0;
    return status == STATUS_BUFFER_TOO_SMALL ? STATUS_BUFFER_OVERFLOW : status;
}

#define FORMATTED(call)                                                                                                \
    va_list arguments;                                                                                                 \
    va_start(arguments, format);                                                                                       \
    const NTSTATUS status = call;                                                                                      \
    va_end(arguments);                                                                                                 \
    return status

NTSTATUS RtlStringCbPrintfA(PSTR destination, SIZE_T bytes, PCSTR format, ...) {
    FORMATTED(RtlStringCbVPrintfA(destination, bytes, format, arguments));
}

NTSTATUS RtlStringCchPrintfA(PSTR destination, SIZE_T characters, PCSTR format, ...) {
    FORMATTED(RtlStringCbVPrintfA(destination, characters, format, arguments));
}

NTSTATUS RtlStringCbPrintfW(PWSTR destination, SIZE_T bytes, PCWSTR format, ...) {
    FORMATTED(RtlStringCbVPrintfW(destination, bytes, format, arguments));
}

NTSTATUS RtlStringCchPrintfW(PWSTR destination, SIZE_T characters, PCWSTR format, ...) {
    FORMATTED(RtlStringCbVPrintfW(destination, characters * sizeof(WCHAR), format, arguments));
}

NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING destination, PCWSTR format, ...) {
    va_list arguments;
    SIZE_T length = 0;
    va_start(arguments, format);
    const NTSTATUS status =
        RtlStringCbVPrintfW(destination->Buffer, destination->MaximumLength, format, arguments);
    va_end(arguments);
    RtlStringCbLengthW(destination->Buffer, destination->MaximumLength, &length);
    destination->Length = (USHORT)length;
    return status;
}
