// A plug-in that is sound, or wrong in the one way that the command line's -D says.
#define _GNU_SOURCE
#include "lamina_provider.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(CRASH_IN_CONSTRUCTOR) || defined(HANG_IN_CONSTRUCTOR) || defined(CHANGE_SIGNALS)
static void ignore(int number) { (void)number; }

__attribute__((constructor)) static void begin(void) {
#if defined(CRASH_IN_CONSTRUCTOR)
    raise(SIGSEGV);
#elif defined(HANG_IN_CONSTRUCTOR)
    for (;;) pause();
#else
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    sigset_t set;
    signal(SIGUSR2, ignore);
    sigaltstack(&stack, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, 0);
#endif
    (void)ignore;
}
#endif

static lamina_status open_socket(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    return lamina_open(slot, open_arguments, request);
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) { return lamina_close(slot, request); }

static lamina_status send_data(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_send(slot, buffers, count, flags, request);
}

static int64_t live_value;

static lamina_status configure(
    void *instance, const lamina_setting *setting, char *reason, size_t reason_capacity) {
    (void)instance;
    if (setting->number > 10) {
        snprintf(reason, reason_capacity, "more than ten are too many");
        return -ERANGE;
    }
    live_value = setting->number;
    return 0;
}

static const lamina_table table = {
#if defined(SHORT_TABLE)
    .size = 16,
#elif defined(LONG_TABLE)
    .size = sizeof(lamina_table) + 8,
#else
    .size = sizeof(lamina_table),
#endif
    .version = LAMINA_ABI_VERSION,
    .configure = configure,
    .open = open_socket,
    .close = close_socket,
#if defined(FOREIGN_POINTER)
    .send = (lamina_send_function)(void *)abort,
#elif !defined(EMPTY_SLOT)
    .send = send_data,
#endif
};

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
#if defined(REFUSE_INSTANCE)
    snprintf(instance_arguments->reason, instance_arguments->reason_capacity, "%s has no key", instance_arguments->label);
    return -ENOKEY;
#elif defined(CRASH_IN_INSTANTIATE)
    raise(SIGILL);
#endif
    // The first setting's text and the sum of all numbers show what was delivered.
    static char seen[256];
    int length = 0;
    for (uint32_t index = 0; index < instance_arguments->setting_count; index++) {
        const lamina_setting *setting = &instance_arguments->settings[index];
        length += snprintf(seen + length, sizeof seen - (size_t)length, "%s=%s%lld;", setting->name,
            setting->text ? setting->text : "", (long long)setting->number);
    }
    instance->table = &table;
    instance->context = seen;
    return 0;
}

static void destroy(void *context) { ((char *)context)[0] = 0; }

static const lamina_setting_declaration settings[] = {
    {.name = "limit", .type = LAMINA_SETTING_INTEGER, .flags = LAMINA_SETTING_LIVE, .default_value = "1", .help = "how many"},
    {.name = "text", .type = LAMINA_SETTING_TEXT, .flags = LAMINA_SETTING_LIST, .help = "what"},
    {.name = "key", .type = LAMINA_SETTING_SECRET, .help = "the key"},
#if defined(BAD_SETTING)
    {.name = "rate", .type = LAMINA_SETTING_RATE, .default_value = "fast", .help = "how fast"},
#else
    {.name = "mode", .type = LAMINA_SETTING_CHOICE, .choices = "slow|fast", .help = "how"},
#endif
};

#if defined(PROTOCOLS) || defined(OLD_PROTOCOLS) || defined(BAD_PROTOCOL_FLAGS)
#define HAS_PROTOCOLS 1
static const lamina_protocol protocols[] = {{
    .family = 10,
    .type = 2,
    .protocol = 20,
    .protocol_maximum_offset = 5,
    .service_flags = 0x1,
#if defined(BAD_PROTOCOL_FLAGS)
    .provider_flags = 0x4,
#else
    .provider_flags = LAMINA_PROTOCOL_RECOMMENDED,
#endif
    .byte_order = LAMINA_LITTLE_ENDIAN,
    .security = "dtls",
}};
#endif

#if defined(EXTENSION) || defined(BAD_EXTENSION)
static const char *const dispatch[] = {
#if defined(BAD_EXTENSION)
    "uint64_t sent(struct pair value)",
#else
    "uint64_t sent(void *context)",
#endif
    "uint32_t size",
};
static const char *const client[] = {"void closed(void *context, uint64_t sent)"};

static const lamina_extension_declaration extensions[] = {{
    .uuid = "6F1C2D3E-4A5B-4C6D-8E7F-90A1B2C3D4E5",
    .name = "counter",
    .dispatch_count = 2,
    .client_count = 1,
    .dispatch = dispatch,
    .client = client,
}};
#endif

static const lamina_provider provider = {
#if defined(SHORT_DESCRIPTOR)
    .size = 8,
#else
    .size = sizeof(lamina_provider),
#endif
#if defined(EMPTY_SLOT)
    .kind = LAMINA_BASE_PROVIDER,
    .categories = LAMINA_CONNECTION,
#else
    .kind = LAMINA_LAYERED_PROVIDER,
    .categories = LAMINA_ANY_CATEGORY,
#endif
#if !defined(NO_NAME)
    .name = "fixture",
#endif
    .version = "1.2.3",
    .summary = "what the tests load",
    .uuid = "6f1d2c3b-0000-4000-8000-000000000001",
    .effect = LAMINA_EFFECT_OBSERVE,
    .handoff = LAMINA_HANDOFF_SHARE,
    .phase = LAMINA_PHASE_INSPECTOR,
#if defined(GENERIC)
    .flags = LAMINA_PROVIDER_GENERIC,
#endif
    .setting_count = sizeof settings / sizeof *settings,
    .settings = settings,
#if defined(HAS_PROTOCOLS)
    .protocol_count = 1,
#if defined(OLD_PROTOCOLS)
    .protocol_size = 24,
#else
    .protocol_size = sizeof(lamina_protocol),
#endif
    .protocols = protocols,
#endif
    .before = "tls, proxy",
    .instantiate = instantiate,
    .destroy = destroy,
#if defined(EXTENSION) || defined(BAD_EXTENSION)
    .extension_count = 1,
    .extension_size = sizeof(lamina_extension_declaration),
    .extensions = extensions,
#endif
};

static const lamina_provider *const providers[] = {&provider};

#if !defined(NO_STARTUP)
LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    (void)startup_arguments;
    lamina_status status = lamina_offer(result, providers, 1);
#if defined(CRASH_IN_STARTUP)
    raise(SIGBUS);
#elif defined(HANG_IN_STARTUP)
    for (;;) pause();
#elif defined(FAIL_IN_STARTUP)
    return -ENODEV;
#elif defined(EXIT_IN_STARTUP)
    exit(0);
#elif defined(NEWER_ABI)
    result->abi_minimum = result->abi_maximum = LAMINA_ABI_VERSION + 1;
#elif defined(OLDER_ABI)
    result->abi_minimum = result->abi_maximum = 0;
#elif defined(NO_PROVIDERS)
    result->provider_count = 0;
#endif
    return status;
}
#endif
