// A layer that crashes as its setting `how` says: when it is made, when it connects, in its own code, in a function
// of the C library, by a call of nothing, on a thread of its own, by abort.
#include "layer.h"

#include <pthread.h>
#include <stdlib.h>

static void (*volatile nothing)(void);
static int *volatile nowhere;

LAMINA_EXPORT void crash_here(void) { *nowhere = 1; }

static void *crash_there(void *unused) {
    crash_here();
    return unused;
}

static void crash(const char *how) {
    pthread_t thread;
    if (strcmp(how, "own") == 0) crash_here();
    if (strcmp(how, "library") == 0) memset(nowhere, 1, 100 * strlen(how));
    if (strcmp(how, "call") == 0) nothing();
    if (strcmp(how, "abort") == 0) abort();
    if (strcmp(how, "thread") == 0 && pthread_create(&thread, 0, crash_there, 0) == 0) pthread_join(thread, 0);
}

static lamina_status connect_once(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    crash(lamina_instance_context(slot));
    return lamina_connect(slot, address, flags, request);
}

static const lamina_table table = {.size = sizeof table, .version = LAMINA_ABI_VERSION, .connect = connect_once};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    const char *how = setting_named(asked, "how")->text;
    if (strcmp(how, "made") == 0) crash_here();
    instance->table = &table;
    instance->context = strdup(how);
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "how", .type = LAMINA_SETTING_TEXT, .flags = LAMINA_SETTING_REQUIRED, .help = "how it crashes"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "crash",
    .effect = LAMINA_EFFECT_NONE,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
