// Calling without libffi what takes integers and pointers alone: each stands in a register or in a place of 64 bits on the
// stack, so that their number says all that the call needs to know, whatever was known of the function before.
#include "generic.h"

#if defined __LP64__ && (defined __x86_64__ || defined __AARCH64EL__)

enum { MOST = 10 };

/// What stands in the place of an argument, with whatever stands above one of 32 bits: nobody looks at that.
LAMINA_INLINE uint64_t word(void *place) {
    uint64_t word;
    memcpy(&word, place, sizeof word);
    return word;
}

#define W uint64_t
#define PLAIN(count, TYPES, ...)                                                                                       \
    static uint64_t call_##count(lamina_any_function function, argument_places places) {                               \
        (void)places;                                                                                                  \
        return ((uint64_t(*) TYPES)function)(__VA_ARGS__);                                                             \
    }
#define A(index) word(places[index])
PLAIN(0, (void))
PLAIN(1, (W), A(0))
PLAIN(2, (W, W), A(0), A(1))
PLAIN(3, (W, W, W), A(0), A(1), A(2))
PLAIN(4, (W, W, W, W), A(0), A(1), A(2), A(3))
PLAIN(5, (W, W, W, W, W), A(0), A(1), A(2), A(3), A(4))
PLAIN(6, (W, W, W, W, W, W), A(0), A(1), A(2), A(3), A(4), A(5))
PLAIN(7, (W, W, W, W, W, W, W), A(0), A(1), A(2), A(3), A(4), A(5), A(6))
PLAIN(8, (W, W, W, W, W, W, W, W), A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7))
PLAIN(9, (W, W, W, W, W, W, W, W, W), A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8))
PLAIN(10, (W, W, W, W, W, W, W, W, W, W), A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8), A(9))

/// Whether a value fills a register, or its upper half may have anything: what has fewer bits is to be widened.
static int is_plain(uint32_t kind) { return kind >= LAMINA_VALUE_INT32 && kind <= LAMINA_VALUE_UINT64; }

plain_call *plain_call_of(const lamina_signature *signature) {
    static plain_call *const calls[] = {
        call_0, call_1, call_2, call_3, call_4, call_5, call_6, call_7, call_8, call_9, call_10};
    const uint32_t result = signature->result.kind, count = signature->parameter_count;
    if (result == LAMINA_VALUE_FLOAT || result == LAMINA_VALUE_DOUBLE || count > MOST) return 0;
    for (uint32_t index = 0; index < count; index++) {
        const uint32_t kind = signature->parameters[index].kind;
        if (!is_plain(kind) && kind != LAMINA_VALUE_POINTER) return 0;
    }
    return calls[count];
}

#else

plain_call *plain_call_of(const lamina_signature *signature) {
    (void)signature;
    return 0;
}

#endif
