// Calling the entries and indications that there were when this was compiled by their types, without libffi.
#include "generic.h"

// DECLARE((type name, ...)) declares each parameter, FETCH((name, ...)) reads each from the place where it stands.
#define EACH_1(DO, a) DO(a)
#define EACH_2(DO, a, ...) DO(a) EACH_1(DO, __VA_ARGS__)
#define EACH_3(DO, a, ...) DO(a) EACH_2(DO, __VA_ARGS__)
#define EACH_4(DO, a, ...) DO(a) EACH_3(DO, __VA_ARGS__)
#define EACH_5(DO, a, ...) DO(a) EACH_4(DO, __VA_ARGS__)
#define EACH_6(DO, a, ...) DO(a) EACH_5(DO, __VA_ARGS__)
#define EACH_7(DO, a, ...) DO(a) EACH_6(DO, __VA_ARGS__)
#define EACH_8(DO, a, ...) DO(a) EACH_7(DO, __VA_ARGS__)
#define CHOOSE(a, b, c, d, e, f, g, h, EACH, ...) EACH
#define EACH(DO, ...)                                                                                                  \
    CHOOSE(__VA_ARGS__, EACH_8, EACH_7, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, )(DO, __VA_ARGS__)
#define UNFOLD(...) __VA_ARGS__
#define DECLARE_ONE(parameter) parameter;
#define DECLARE(parameters) EACH(DECLARE_ONE, UNFOLD parameters)
#define FETCH_ONE(name) memcpy(&name, *places++, sizeof name);
#define FETCH(names) EACH(FETCH_ONE, UNFOLD names)

#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    static lamina_status call_##entry(lamina_any_function function, argument_places LAMINA_NONNULL places) {           \
        DECLARE(parameters)                                                                                            \
        FETCH(arguments)                                                                                               \
        return ((lamina_##entry##_function)function)arguments;                                                         \
    }
#include "lamina_entries.def"
#undef LAMINA_ENTRY

#define LAMINA_INDICATION(name, NAME, classes, categories)                                                             \
    static lamina_status indicate_##name(lamina_any_function function, argument_places LAMINA_NONNULL places) {        \
        DECLARE((lamina_slot * slot, lamina_##name##_event * event))                                                   \
        FETCH((slot, event))                                                                                           \
        return ((lamina_##name##_indication)function)(slot, event);                                                    \
    }
#include "lamina_indications.def"
#undef LAMINA_INDICATION

known_call *known_call_of(const lamina_signature *signature) {
    static known_call *const entries[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments) call_##entry,
#include "lamina_entries.def"
    };
    static known_call *const indications[] = {
#define LAMINA_INDICATION(name, NAME, classes, categories) indicate_##name,
#include "lamina_indications.def"
    };
    const uint32_t number = signature->number;
    switch (signature->table) {
    case LAMINA_SIGNATURE_ENTRY: return number < sizeof entries / sizeof *entries ? entries[number] : 0;
    case LAMINA_SIGNATURE_INDICATION:
        return number < sizeof indications / sizeof *indications ? indications[number] : 0;
    default: return 0;
    }
}
