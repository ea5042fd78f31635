/// The dynamic loader: dlopen's neighbours dladdr and dlinfo, ELF constants.
#ifndef CLINUX_LOADER_H
#define CLINUX_LOADER_H

#include <elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/// The ELF machine number of this program.
static inline uint16_t clinux_elf_machine(void) {
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#elif defined(__riscv)
    return EM_RISCV;
#else
#error "add the ELF machine number of this architecture"
#endif
}

/// The path of the image that holds Lamina's own code, or NULL where that is the program itself.
const char *clinux_own_image_path(void);

/// Loads a shared object for good, with its symbols resolved now and to itself (RTLD_NOW, RTLD_LOCAL, RTLD_NODELETE).
/// NULL with a reason in dlerror.
void *clinux_load(const char *path);

/// Whether `address` lies in the image that `handle` was given for, rather than in one of its dependencies.
bool clinux_is_in_image(void *handle, const void *address);

/// A stretch of memory.
typedef struct clinux_range {
    uintptr_t start;
    uintptr_t end;
} clinux_range;

/// The executable segments of the image that `handle` was given for: writes up to `capacity`, answers how many there
/// are.
int32_t clinux_executable_ranges(void *handle, clinux_range *ranges, int32_t capacity);

/// What code that runs for the first time may change for the whole process or thread: signal dispositions, the
/// alternate stack and the signal mask.
typedef struct clinux_signal_state {
    struct sigaction actions[65];
    stack_t stack;
    sigset_t mask;
} clinux_signal_state;

/// Saves this process's dispositions and this thread's alternate stack and mask.
void clinux_save_signals(clinux_signal_state *state);

/// Puts back what was saved.
void clinux_restore_signals(const clinux_signal_state *state);

#endif
