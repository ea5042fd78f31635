/// The dynamic loader: dlopen's neighbours dladdr and dlinfo, ELF constants.
#ifndef CLINUX_LOADER_H
#define CLINUX_LOADER_H

#include <elf.h>
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

/// The path of the image that holds `address`, as the loader knows it; NULL where no image does. The program itself is
/// known by the name it was called by.
const char *clinux_image_path(const void *address);

/// The path of the image that holds Lamina's own code, or NULL where that is the program itself.
const char *clinux_own_image_path(void);

#endif
