// Includes every public header, so that a change in one rebuilds what depends on it, and holds what headers only
// declare.
#include "lamina.h"
#include "lamina_control.h"
#include "lamina_lookup.h"
#include "lamina_names.h"
#include "lamina_provider.h"
#include "lamina_resolve.h"
#include "lamina_signature.h"
#include "lamina_socket.h"

__thread __attribute__((tls_model("initial-exec"))) lamina_thread lamina_self = {
    .mark = LAMINA_UNKNOWN_THREAD};
int32_t (*lamina_enter_slowly)(lamina_thread *thread);

#define LAMINA_DESCRIPTION(name, NAME, classes, triggers, categories, direct, chain, type)                                       \
    [LAMINA_ENTRY_##NAME] = {#name, classes, triggers, categories, direct, chain, offsetof(type, name)},

const lamina_entry_description lamina_entry_descriptions[] = {
#define LAMINA_DIRECT_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                    \
    LAMINA_DESCRIPTION(name, NAME, classes, triggers, categories, 1, 0, lamina_table)
#define LAMINA_CHAIN_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                     \
    LAMINA_DESCRIPTION(name, NAME, classes, triggers, categories, 0, 1, lamina_table)
#define LAMINA_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                           \
    LAMINA_DESCRIPTION(name, NAME, classes, triggers, categories, 0, 0, lamina_table)
#include "lamina_entries.def"
};

const lamina_entry_description lamina_indication_descriptions[] = {
#define LAMINA_INDICATION(name, NAME, classes, categories)                                                             \
    [LAMINA_INDICATION_##NAME] = {#name, classes, (classes) & LAMINA_CLASS_DATA_IN, categories, 0, 0, offsetof(lamina_indications, name)},
#include "lamina_indications.def"
};

const char *const lamina_entry_declarations[] = {
#define LAMINA_ENTRY(name, NAME, classes, triggers, categories, parameters, arguments)                                           \
    [LAMINA_ENTRY_##NAME] = "lamina_status " #name #parameters,
#include "lamina_entries.def"
};

const char *const lamina_indication_declarations[] = {
#define LAMINA_INDICATION(name, NAME, classes, categories)                                                             \
    [LAMINA_INDICATION_##NAME] = "lamina_status " #name "(lamina_slot *slot, lamina_" #name "_event *event)",
#include "lamina_indications.def"
};
