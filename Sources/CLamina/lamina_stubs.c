#include "lamina_stubs.h"

#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    static lamina_status unsupported_##entry parameters {                                                              \
        return lamina_complete(slot, request, -EOPNOTSUPP, 0);                                                         \
    }                                                                                                                  \
    static lamina_status unbound_##entry parameters {                                                                  \
        return lamina_complete(slot, request, -ENOTCONN, 0);                                                           \
    }                                                                                                                  \
    static lamina_status stale_##entry parameters {                                                                    \
        return lamina_complete(slot, request, -ESTALE, 0);                                                             \
    }                                                                                                                  \
    static lamina_status primary_##entry parameters {                                                                  \
        lamina_slot *primary = __atomic_load_n(&slot->primary, __ATOMIC_ACQUIRE);                                      \
        if (!primary) {                                                                                                \
            return lamina_complete(slot, request, -EOPNOTSUPP, 0);                                                     \
        }                                                                                                              \
        slot = primary;                                                                                                \
        return lamina_##entry arguments;                                                                               \
    }                                                                                                                  \
    static lamina_status indirect_##entry parameters {                                                                 \
        const lamina_down *down = __atomic_load_n(&slot->down, __ATOMIC_ACQUIRE);                                      \
        const lamina_link *link = &down->links[LAMINA_ENTRY_##NAME];                                                   \
        slot = (lamina_slot *)((char *)slot + link->distance);                                                         \
        return ((lamina_##entry##_function)link->function)arguments;                                                   \
    }
#include "lamina_entries.def"

lamina_any_function lamina_unsupported_entry(uint32_t entry) {
    static const lamina_any_function functions[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    (lamina_any_function)unsupported_##entry,
#include "lamina_entries.def"
    };
    return functions[entry];
}

lamina_any_function lamina_unbound_entry(uint32_t entry) {
    static const lamina_any_function functions[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    (lamina_any_function)unbound_##entry,
#include "lamina_entries.def"
    };
    return functions[entry];
}

lamina_any_function lamina_stale_entry(uint32_t entry) {
    static const lamina_any_function functions[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    (lamina_any_function)stale_##entry,
#include "lamina_entries.def"
    };
    return functions[entry];
}

lamina_any_function lamina_primary_entry(uint32_t entry) {
    static const lamina_any_function functions[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    (lamina_any_function)primary_##entry,
#include "lamina_entries.def"
    };
    return functions[entry];
}

lamina_any_function lamina_indirect_entry(uint32_t entry) {
    static const lamina_any_function functions[] = {
#define LAMINA_ENTRY(entry, NAME, classes, triggers, categories, parameters, arguments)                                \
    (lamina_any_function)indirect_##entry,
#include "lamina_entries.def"
    };
    return functions[entry];
}

/// What an indication that nobody takes answers: data and connections aren't taken, other events are just over.
static lamina_status untaken(uint32_t indication) {
    switch (indication) {
    case LAMINA_INDICATION_ACCEPT:
    case LAMINA_INDICATION_RECEIVE:
    case LAMINA_INDICATION_RECEIVE_FROM: return -EAGAIN;
    default: return 0;
    }
}

#define LAMINA_INDICATION(entry, NAME, classes, categories)                                                            \
    static lamina_status client_##entry(lamina_slot *slot, lamina_##entry##_event *event) {                            \
        const lamina_indications *client = slot->column->client;                                                       \
        return client && client->entry ? client->entry(slot, event) : untaken(LAMINA_INDICATION_##NAME);               \
    }                                                                                                                  \
    static lamina_status refused_##entry(lamina_slot *slot, lamina_##entry##_event *event) {                           \
        (void)slot;                                                                                                    \
        (void)event;                                                                                                   \
        return untaken(LAMINA_INDICATION_##NAME);                                                                      \
    }
#include "lamina_indications.def"

lamina_any_function lamina_client_indication(uint32_t indication) {
    static const lamina_any_function functions[] = {
#define LAMINA_INDICATION(entry, NAME, classes, categories) (lamina_any_function)client_##entry,
#include "lamina_indications.def"
    };
    return functions[indication];
}

lamina_any_function lamina_refused_indication(uint32_t indication) {
    static const lamina_any_function functions[] = {
#define LAMINA_INDICATION(entry, NAME, classes, categories) (lamina_any_function)refused_##entry,
#include "lamina_indications.def"
    };
    return functions[indication];
}
