#define _GNU_SOURCE
#include "clinux_file.h"

#include <string.h>

bool clinux_holds(const void *bytes, size_t count, const void *word, size_t word_count) {
    return memmem(bytes, count, word, word_count) != NULL;
}
