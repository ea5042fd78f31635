// Raw system calls: the object uses no libc function that it, or the program, may interpose. Each returns a value or
// a negative errno. `_known` calls carry the run's secret in the two argument registers that they leave free.
#ifndef LAMINA_PRELOAD_CALLS_H
#define LAMINA_PRELOAD_CALLS_H

#include <sys/syscall.h>

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "the preload object knows x86-64 and aarch64"
#endif
}

static inline long call3(long number, long a, long b, long c) { return call6(number, a, b, c, 0, 0, 0); }

// Whether `size` bytes at `address`, a page at most, can be read: a bad pointer is the kernel's to answer, not a crash.
// The kernel reads eight bytes of a signal set before it finds that there is no -1 to do with it.
static inline int is_readable(const void *address, unsigned long size) {
    const long fault = -14;
    long first = (long)address & ~7L, last = ((long)address + (long)size - 1) & ~7L;
    if (!first || call6(SYS_rt_sigprocmask, -1, first, 0, 8, 0, 0) == fault) return 0;
    return first == last || call6(SYS_rt_sigprocmask, -1, last, 0, 8, 0, 0) != fault;
}

#endif
