/// libFuzzer's driver, which comes with the compiler (`-sanitize=fuzzer`).
#ifndef CLIBFUZZER_H
#define CLIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Calls `test` with one input after another, as the command line says; gives the process's exit status.
int LLVMFuzzerRunDriver(
    int *count, char *_Nullable *_Nonnull *_Nonnull arguments,
    int (*test)(const uint8_t *_Nullable bytes, size_t count));

#pragma clang assume_nonnull end

#endif
