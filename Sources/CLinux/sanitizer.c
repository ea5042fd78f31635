#include "clinux_sanitizer.h"

#if defined(__has_feature)
#define CLINUX_HAS_FEATURE(name) __has_feature(name)
#else
#define CLINUX_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || CLINUX_HAS_FEATURE(thread_sanitizer)

void clinux_enter_own_code(void) {}
void clinux_leave_own_code(void) {}
unsigned clinux_enter_program(void) { return 0; }
void clinux_leave_program(unsigned depth) { (void)depth; }

#else

extern void AnnotateIgnoreReadsBegin(const char *file, int line) __attribute__((weak));
extern void AnnotateIgnoreReadsEnd(const char *file, int line) __attribute__((weak));
extern void AnnotateIgnoreWritesBegin(const char *file, int line) __attribute__((weak));
extern void AnnotateIgnoreWritesEnd(const char *file, int line) __attribute__((weak));

static __thread unsigned own_depth;

static void ignore(int begins) {
    if (!AnnotateIgnoreReadsBegin || !AnnotateIgnoreWritesBegin) {
        return;
    }
    if (begins) {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    } else {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
}

void clinux_enter_own_code(void) {
    if (own_depth++ == 0) {
        ignore(1);
    }
}

void clinux_leave_own_code(void) {
    if (--own_depth == 0) {
        ignore(0);
    }
}

unsigned clinux_enter_program(void) {
    const unsigned depth = own_depth;
    own_depth = 0;
    if (depth) {
        ignore(0);
    }
    return depth;
}

void clinux_leave_program(unsigned depth) {
    own_depth = depth;
    if (depth) {
        ignore(1);
    }
}

#endif
