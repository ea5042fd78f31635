// Calling without libffi. What takes integers and pointers alone, ten at most, needs nothing but their number: each stands
// in a register or in a place of 64 bits on the stack, whatever was known of the function before. For the rest the kinds of
// the arguments say where each stands.
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
    static uint64_t call_##count(                                                                                      \
        const function *function, lamina_any_function target, argument_places places) {                                \
        (void)function;                                                                                                \
        (void)places;                                                                                                  \
        return ((uint64_t(*) TYPES)target)(__VA_ARGS__);                                                               \
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

/// The registers for integers and for floating point. What finds none left stands on the stack, in its order.
#if defined __x86_64__
enum { WORDS = 6, REALS = 8, STACKED = PARAMETERS - WORDS };
#define WORD_TYPES W, W, W, W, W, W
#define WORD_VALUES w[0], w[1], w[2], w[3], w[4], w[5]
#else
enum { WORDS = 8, REALS = 8, STACKED = PARAMETERS - WORDS + 2 };
#define WORD_TYPES W, W, W, W, W, W, W, W
#define WORD_VALUES w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
#endif
_Static_assert(STACKED == 26, "as many as are listed below");
#define R double
#define REAL_TYPES R, R, R, R, R, R, R, R
#define REAL_VALUES r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
#define STACK_TYPES W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W
#define STACK_VALUES                                                                                                   \
    s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12], s[13], s[14], s[15], s[16], s[17],  \
        s[18], s[19], s[20], s[21], s[22], s[23], s[24], s[25]
/// The callee looks at no more of this than it takes.
#define SPREAD(RESULT)                                                                                                 \
    (stacked ? ((RESULT(*)(WORD_TYPES, REAL_TYPES, STACK_TYPES))target)(WORD_VALUES, REAL_VALUES, STACK_VALUES)          \
             : ((RESULT(*)(WORD_TYPES, REAL_TYPES))target)(WORD_VALUES, REAL_VALUES))

static int is_real(uint32_t kind) { return kind == LAMINA_VALUE_FLOAT || kind == LAMINA_VALUE_DOUBLE; }

/// What a register holds of an argument: an integer widened, a `float` in its lower half.
LAMINA_INLINE uint64_t register_of(uint32_t kind, const void *place) {
    if (kind != LAMINA_VALUE_FLOAT) return value_of(kind, place).number;
    uint32_t bits;
    memcpy(&bits, place, sizeof bits);
    return bits;
}

static uint64_t call_spread(const function *function, lamina_any_function target, argument_places places) {
    const lamina_signature *signature = function->signature;
    uint64_t w[WORDS] = {0}, s[STACKED];
    double r[REALS] = {0};
    uint32_t words = 0, reals = 0, stacked = 0;
    for (uint32_t index = 0; index < signature->parameter_count; index++) {
        const uint32_t kind = signature->parameters[index].kind;
        const uint64_t value = register_of(kind, places[index]);
        if (is_real(kind) && reals < REALS) {
            memcpy(&r[reals++], &value, sizeof value);
        } else if (!is_real(kind) && words < WORDS) {
            w[words++] = value;
        } else {
            s[stacked++] = value;
        }
    }
    for (uint32_t index = stacked; stacked && index < STACKED; index++) s[index] = 0;
    uint64_t result = 0;
    if (signature->result.kind == LAMINA_VALUE_DOUBLE) {
        const double real = SPREAD(double);
        memcpy(&result, &real, sizeof real);
    } else if (signature->result.kind == LAMINA_VALUE_FLOAT) {
        const float real = SPREAD(float);
        memcpy(&result, &real, sizeof real);
    } else {
        result = SPREAD(uint64_t);
    }
    return result;
}

/// Whether a value fills a register, or its upper half may have anything: what has fewer bits is to be widened.
static int is_plain(uint32_t kind) { return kind >= LAMINA_VALUE_INT32 && kind <= LAMINA_VALUE_UINT64; }

plain_call *plain_call_of(const lamina_signature *signature) {
    static plain_call *const calls[] = {
        call_0, call_1, call_2, call_3, call_4, call_5, call_6, call_7, call_8, call_9, call_10};
    const uint32_t count = signature->parameter_count;
    if (is_real(signature->result.kind) || count > MOST) return call_spread;
    for (uint32_t index = 0; index < count; index++) {
        const uint32_t kind = signature->parameters[index].kind;
        if (!is_plain(kind) && kind != LAMINA_VALUE_POINTER) return call_spread;
    }
    return calls[count];
}

#else

plain_call *plain_call_of(const lamina_signature *signature) {
    (void)signature;
    return 0;
}

#endif
