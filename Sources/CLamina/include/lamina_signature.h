/// What can be called in a chain, as data: for a level that handles calls whose types it was not compiled for.
#ifndef LAMINA_SIGNATURE_H
#define LAMINA_SIGNATURE_H

#include "lamina_table.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// What a parameter, a result or a field is.
enum {
    /// A result that isn't there.
    LAMINA_VALUE_NONE = 0,
    LAMINA_VALUE_INT8 = 1,
    LAMINA_VALUE_UINT8 = 2,
    LAMINA_VALUE_INT16 = 3,
    LAMINA_VALUE_UINT16 = 4,
    LAMINA_VALUE_INT32 = 5,
    LAMINA_VALUE_UINT32 = 6,
    LAMINA_VALUE_INT64 = 7,
    LAMINA_VALUE_UINT64 = 8,
    LAMINA_VALUE_FLOAT = 9,
    LAMINA_VALUE_DOUBLE = 10,
    LAMINA_VALUE_POINTER = 11,
};

/// Which table a function stands in.
enum {
    /// The dispatch table: `lamina_table`.
    LAMINA_SIGNATURE_ENTRY = 1,
    /// The events that travel up: `lamina_indications`.
    LAMINA_SIGNATURE_INDICATION = 2,
    /// The table that a level answers where it is asked for an extension.
    LAMINA_SIGNATURE_EXTENSION = 3,
    /// The table that whoever asks for an extension hands over, for the level to call.
    LAMINA_SIGNATURE_EXTENSION_CLIENT = 4,
};

/// A parameter of a function, or its result.
typedef struct lamina_parameter {
    /// As the declaration has it; empty for a result, or where it gives none.
    const char *name;
    /// The type in C, e.g. `const lamina_buffer *`, without what says whether it may be null.
    const char *type;
    /// `LAMINA_VALUE_…`.
    uint32_t kind;
    /// 1 for a pointer to something that the function only reads, which is copied before a call returns.
    uint32_t is_constant;
} lamina_parameter;

/// One function, or with `is_field` one plain field of an extension's table.
typedef struct lamina_signature {
    /// sizeof(lamina_signature) of the framework.
    uint32_t size;
    /// `LAMINA_SIGNATURE_…`.
    uint32_t table;
    /// The entry's or indication's number; the place in an extension's table, from 0.
    uint32_t number;
    /// Where its pointer or field stands in its table, in bytes.
    uint32_t offset;
    /// `LAMINA_CLASS_…` of an entry or indication, else 0.
    uint32_t classes;
    uint32_t is_field;
    const char *name;
    /// The declaration in C.
    const char *declaration;
    /// The extension's name (UUID text) and what people call it, else null.
    const char *LAMINA_NULLABLE extension;
    const char *LAMINA_NULLABLE extension_title;
    lamina_parameter result;
    uint32_t parameter_count;
    uint32_t reserved;
    const lamina_parameter *LAMINA_NULLABLE parameters;
} lamina_signature;

LAMINA_NONNULL_END
LAMINA_C_END

#endif
