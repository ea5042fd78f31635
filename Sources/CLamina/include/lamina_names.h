/// Names, classes, categories and declarations of the entries and indications, as data.
#ifndef LAMINA_NAMES_H
#define LAMINA_NAMES_H

#include "lamina_table.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// One entry of the dispatch table or one indication.
typedef struct lamina_entry_description {
    const char *name;
    uint32_t classes;
    /// The classes that filling it links a level for.
    uint32_t triggers;
    uint32_t categories;
    /// 1 for an entry whose link stands in the slot.
    uint32_t direct;
    /// 1 for an entry that runs on the chain's column.
    uint32_t chain;
    /// Where its pointer stands in `lamina_table` or `lamina_indications`.
    size_t offset;
} lamina_entry_description;

/// `LAMINA_ENTRY_COUNT` entries.
extern const lamina_entry_description lamina_entry_descriptions[];
/// `LAMINA_INDICATION_COUNT` indications.
extern const lamina_entry_description lamina_indication_descriptions[];

/// What is known of an entry, by its number (`LAMINA_ENTRY_…`).
LAMINA_INLINE const lamina_entry_description *lamina_describe_entry(uint32_t entry) {
    return &lamina_entry_descriptions[entry];
}

/// What is known of an indication, by its number (`LAMINA_INDICATION_…`).
LAMINA_INLINE const lamina_entry_description *lamina_describe_indication(uint32_t indication) {
    return &lamina_indication_descriptions[indication];
}

/// The declarations of the entries and of the indications in C, from the lists of them, by number.
extern const char *LAMINA_NONNULL const lamina_entry_declarations[];
extern const char *LAMINA_NONNULL const lamina_indication_declarations[];

/// The declaration of an entry, by its number (`LAMINA_ENTRY_…`).
LAMINA_INLINE const char *lamina_declare_entry(uint32_t entry) {
    return lamina_entry_declarations[entry];
}

/// The declaration of an indication, by its number (`LAMINA_INDICATION_…`).
LAMINA_INLINE const char *lamina_declare_indication(uint32_t indication) {
    return lamina_indication_declarations[indication];
}

LAMINA_NONNULL_END
LAMINA_C_END

#endif
