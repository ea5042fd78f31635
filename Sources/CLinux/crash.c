#define _GNU_SOURCE
#include "clinux_crash.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

enum { IMAGES = 128, STACK = 64 * 1024 };

typedef struct range {
    uintptr_t start, end;
} range;

// What was loaded before, which is not what is looked for.
static range known[IMAGES];
static int known_count;
static int report_channel;
static int taken;

static int remember(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    range image = {UINTPTR_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        const uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (start < image.start) image.start = start;
        if (start + segment->p_memsz > image.end) image.end = start + segment->p_memsz;
    }
    if (known_count < IMAGES) known[known_count++] = image;
    return 0;
}

static int is_known(uintptr_t address) {
    for (int i = 0; i < known_count; i++) {
        if (address >= known[i].start && address < known[i].end) return 1;
    }
    return 0;
}

// Notes the library that `code` lies in, if it is one that is looked for.
static int note(clinux_crash *crash, uintptr_t code, int called) {
    Dl_info info;
    if (is_known(code) || !dladdr((const void *)code, &info) || !info.dli_fname) return 0;
    crash->called = called != 0;
    crash->offset = code - (uintptr_t)info.dli_fbase;
    strncpy(crash->file, info.dli_fname, sizeof crash->file - 1);
    if (info.dli_sname) strncpy(crash->function, info.dli_sname, sizeof crash->function - 1);
    return 1;
}

typedef struct walk {
    clinux_crash *crash;
    // Frames since the one that the signal interrupted; none before it.
    int depth;
} walk;

static _Unwind_Reason_Code look(struct _Unwind_Context *frame, void *context) {
    walk *walk = context;
    // The interrupted frame stands at its instruction, the others behind their calls.
    int is_exact = 0;
    const uintptr_t address = _Unwind_GetIPInfo(frame, &is_exact);
    if (!is_exact && walk->depth == 0) return _URC_NO_REASON;
    if (note(walk->crash, is_exact ? address : address - 1, walk->depth)) return _URC_END_OF_STACK;
    walk->depth++;
    return _URC_NO_REASON;
}

// Where the interrupted code returns to, if it is a call to nowhere.
static uintptr_t return_address(const ucontext_t *state) {
#if defined(__x86_64__)
    return *(const uintptr_t *)state->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return state->uc_mcontext.regs[30];
#endif
}

// What isn't safe in a handler (the loader's lock, the unwinder) can only hang or crash again: the alarm ends the one,
// and the signal, which is blocked, the other.
static void report(int number, siginfo_t *info, void *context) {
    (void)info;
    if (__atomic_exchange_n(&taken, 1, __ATOMIC_SEQ_CST)) {
        for (;;) pause();
    }
    alarm(5);
    static clinux_crash crash = {.kind = CLINUX_CRASH_REPORT};
    crash.number = number;
    walk walk = {.crash = &crash};
    _Unwind_Backtrace(look, &walk);
    if (walk.depth <= 1 && !crash.file[0]) note(&crash, return_address(context) - 1, 1);
    send(report_channel, &crash, sizeof crash, MSG_NOSIGNAL | MSG_DONTWAIT);
    // It waits, blocked, until the handler returns; then it is the end.
    raise(number);
}

void clinux_report_crashes(int channel) {
    static char stack[STACK];
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    report_channel = channel;
    dl_iterate_phdr(remember, 0);
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, 0);
    struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, 0);
}
