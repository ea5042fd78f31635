// What belongs to one thread: its interrupt request level, traps that name the caller, spin locks.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clinux_sanitizer.h"
#include "wsk_internal.h"

#define CALLER __builtin_return_address(0)

static __thread KIRQL current_level;

KIRQL KeGetCurrentIrql(VOID) { return current_level; }

KIRQL KfRaiseIrql(KIRQL level) {
    const KIRQL before = current_level;
    if (level < before) {
        wsk_trap("KeRaiseIrql", "the new level is below the current one", CALLER);
    }
    current_level = level;
    return before;
}

VOID KeLowerIrql(KIRQL level) {
    if (level > current_level) {
        wsk_trap("KeLowerIrql", "the new level is above the current one", CALLER);
    }
    current_level = level;
}

KIRQL wsk_enter_dispatch(void) {
    const KIRQL before = current_level;
    if (before < DISPATCH_LEVEL) {
        current_level = DISPATCH_LEVEL;
    }
    return before;
}

void wsk_leave_dispatch(KIRQL before) { current_level = before; }

wsk_client_call wsk_begin_call(void) {
    const wsk_client_call call = {wsk_enter_dispatch(), clinux_enter_program()};
    return call;
}

wsk_client_call wsk_begin_call_as_it_is(void) {
    const wsk_client_call call = {current_level, clinux_enter_program()};
    return call;
}

void wsk_end_call(wsk_client_call call) {
    clinux_leave_program(call.depth);
    current_level = call.irql;
}

int wsk_enter_own_code(void) {
    clinux_enter_own_code();
    return 0;
}

void wsk_leave_own_code(const int *unused) {
    (void)unused;
    clinux_leave_own_code();
}

// Traps.

int wsk_checks(void) {
    static int state;
    int known = __atomic_load_n(&state, __ATOMIC_RELAXED);
    if (!known) {
        const char *text = getenv("LAMINA_WSK_CHECKS");
        known = text && (strcmp(text, "off") == 0 || strcmp(text, "0") == 0) ? 2 : 1;
        __atomic_store_n(&state, known, __ATOMIC_RELAXED);
    }
    return known == 1;
}

void wsk_describe_place(const void *address, char *text, size_t capacity) {
    Dl_info info;
    const char *place = (const char *)address;
    if (!address || !dladdr(address, &info) || !info.dli_fname) {
        snprintf(text, capacity, "%p", address);
    } else if (info.dli_sname) {
        const size_t offset = (size_t)(place - (const char *)info.dli_saddr);
        snprintf(text, capacity, "%s+0x%zx in %s", info.dli_sname, offset, info.dli_fname);
    } else {
        snprintf(text, capacity, "%s+0x%zx", info.dli_fname, (size_t)(place - (const char *)info.dli_fbase));
    }
}

const void *wsk_image_of(const void *address) {
    Dl_info info;
    return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

DECLSPEC_NORETURN static void end(const char *function, const char *message, const void *caller) {
    char place[512], line[1024];
    wsk_describe_place(caller, place, sizeof place);
    const char *format = caller ? "lamina: wsk: %s: %s (called from %s)\n" : "lamina: wsk: %s: %s\n";
    const int length = snprintf(line, sizeof line, format, function, message, place);
    if (write(STDERR_FILENO, line, (size_t)(length < (int)sizeof line ? length : (int)sizeof line - 1)) < 0) {
        abort();
    }
    abort();
}

void wsk_trap(const char *function, const char *message, const void *caller) {
    if (wsk_checks()) {
        end(function, message, caller);
    }
}

void wsk_require_irql(const char *function, KIRQL level, const void *caller) {
    if (current_level > level && wsk_checks()) {
        end(function,
            level == PASSIVE_LEVEL
                ? "must be called at PASSIVE_LEVEL, and this thread runs at DISPATCH_LEVEL: it holds a spin lock, or is "
                  "inside a completion routine or event callback; use a work item"
                : "must not be called at DISPATCH_LEVEL",
            caller);
    }
}

VOID WskPagedCodeTrap(const char *function) {
    end(function, "PAGED_CODE: the thread runs at DISPATCH_LEVEL", CALLER);
}

VOID WskAssertTrap(const char *condition, const char *file, int line) {
    char text[512];
    snprintf(text, sizeof text, "%s:%d: does not hold", file, line);
    end(condition, text, CALLER);
}

VOID KeBugCheckEx(ULONG code, ULONG_PTR first, ULONG_PTR second, ULONG_PTR third, ULONG_PTR fourth) {
    char text[256];
    snprintf(text, sizeof text, "code 0x%x (0x%zx, 0x%zx, 0x%zx, 0x%zx)", code, (size_t)first, (size_t)second,
        (size_t)third, (size_t)fourth);
    end("KeBugCheckEx", text, CALLER);
}

VOID KeBugCheck(ULONG code) { KeBugCheckEx(code, 0, 0, 0, 0); }

// Sanitizers.

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));
extern void __asan_poison_memory_region(const volatile void *address, size_t size) __attribute__((weak));

void wsk_hand_over(void *object) {
    if (__tsan_release) {
        __tsan_release(object);
    }
}

void wsk_take_over(void *object) {
    if (__tsan_acquire) {
        __tsan_acquire(object);
    }
}

int wsk_has_address_sanitizer(void) { return __asan_poison_memory_region != NULL; }

// Spin locks. A lock holds a number of the thread that has it.

static __thread char self;

static BOOLEAN try_lock(PKSPIN_LOCK lock) {
    KSPIN_LOCK expected = 0;
    return __atomic_compare_exchange_n(lock, &expected, (KSPIN_LOCK)&self, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void lock(PKSPIN_LOCK lock, const void *caller) {
    for (unsigned turn = 0; !try_lock(lock); turn++) {
        if (__atomic_load_n(lock, __ATOMIC_RELAXED) == (KSPIN_LOCK)&self) {
            wsk_trap("KeAcquireSpinLock", "this thread holds the lock already, so it would spin for good", caller);
        }
        if (turn % 64 == 63) {
            sched_yield();
        }
    }
    wsk_take_over(lock);
}

static void unlock(PKSPIN_LOCK lock, const void *caller) {
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != (KSPIN_LOCK)&self) {
        wsk_trap("KeReleaseSpinLock", "this thread doesn't hold the lock", caller);
    }
    wsk_hand_over(lock);
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

VOID KeInitializeSpinLock(PKSPIN_LOCK spin_lock) { __atomic_store_n(spin_lock, 0, __ATOMIC_RELEASE); }

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK spin_lock) {
    const KIRQL before = wsk_enter_dispatch();
    lock(spin_lock, CALLER);
    return before;
}

VOID KeReleaseSpinLock(PKSPIN_LOCK spin_lock, KIRQL level) {
    unlock(spin_lock, CALLER);
    KeLowerIrql(level);
}

VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK spin_lock) {
    if (current_level < DISPATCH_LEVEL) {
        wsk_trap("KeAcquireSpinLockAtDpcLevel", "the thread runs below DISPATCH_LEVEL", CALLER);
    }
    lock(spin_lock, CALLER);
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK spin_lock) {
    const BOOLEAN is_taken = try_lock(spin_lock);
    if (is_taken) {
        wsk_take_over(spin_lock);
    }
    return is_taken;
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK spin_lock) { unlock(spin_lock, CALLER); }

BOOLEAN KeTestSpinLock(PKSPIN_LOCK spin_lock) { return __atomic_load_n(spin_lock, __ATOMIC_ACQUIRE) == 0; }

// Shared spin locks: -1 for a writer, else the number of readers.

static void lock_shared(PEX_SPIN_LOCK spin_lock, LONG change) {
    for (unsigned turn = 0;; turn++) {
        LONG count = __atomic_load_n(spin_lock, __ATOMIC_RELAXED);
        if ((change < 0 ? count == 0 : count >= 0)
            && __atomic_compare_exchange_n(
                spin_lock, &count, count + change, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            break;
        }
        if (turn % 64 == 63) {
            sched_yield();
        }
    }
    wsk_take_over(spin_lock);
}

static void unlock_shared(PEX_SPIN_LOCK spin_lock, LONG change) {
    wsk_hand_over(spin_lock);
    __atomic_fetch_add(spin_lock, change, __ATOMIC_RELEASE);
}

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK spin_lock) {
    const KIRQL before = wsk_enter_dispatch();
    lock_shared(spin_lock, -1);
    return before;
}

VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK spin_lock, KIRQL level) {
    unlock_shared(spin_lock, 1);
    KeLowerIrql(level);
}

KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK spin_lock) {
    const KIRQL before = wsk_enter_dispatch();
    lock_shared(spin_lock, 1);
    return before;
}

VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK spin_lock, KIRQL level) {
    unlock_shared(spin_lock, -1);
    KeLowerIrql(level);
}

VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK spin_lock) { lock_shared(spin_lock, -1); }
VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK spin_lock) { unlock_shared(spin_lock, 1); }
VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK spin_lock) { lock_shared(spin_lock, 1); }
VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK spin_lock) { unlock_shared(spin_lock, -1); }

static KSPIN_LOCK cancel_lock;

VOID IoAcquireCancelSpinLock(PKIRQL irql) { *irql = KeAcquireSpinLockRaiseToDpc(&cancel_lock); }
VOID IoReleaseCancelSpinLock(KIRQL irql) { KeReleaseSpinLock(&cancel_lock, irql); }
