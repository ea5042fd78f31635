// Asks at the door: refuses a socket, or lets it wait, when a program opens it or when a listener accepted it. A level
// that refuses hasn't got a socket afterwards; one that waits holds the request, and a cancel finds it there.
#include "layer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct gate {
    /// The settings `open` and `accept`: 'p'ass, 'r'efuse, 'w'ait.
    char open, accept;
    /// Nanoseconds.
    int64_t delay;
} gate;

/// A socket that waits. The later of the timer and a cancel frees it.
typedef struct waiting {
    pthread_mutex_t lock;
    lamina_slot *slot;
    lamina_request *request;
    lamina_open_arguments arguments;
    int fired;
} waiting;

static void finish(waiting *wait, int is_last) {
    pthread_mutex_unlock(&wait->lock);
    if (is_last) free(wait);
}

static void go_on(void *context) {
    waiting *wait = context;
    pthread_mutex_lock(&wait->lock);
    lamina_request *request = wait->request;
    if (!request || !lamina_request_claim(request)) {
        wait->fired = 1;
        finish(wait, !request);
        return;
    }
    lamina_slot *slot = wait->slot;
    const lamina_open_arguments arguments = wait->arguments;
    finish(wait, 1);
    slot->context = 0;
    (void)lamina_open(slot, &arguments, request);
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    waiting *wait = slot->context;
    pthread_mutex_lock(&wait->lock);
    wait->request = 0;
    finish(wait, wait->fired);
    (void)lamina_complete(slot, request, lamina_cancel_status(request), 0);
}

static lamina_status wait_outside(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request, int64_t delay) {
    struct timespec now;
    waiting *wait = calloc(1, sizeof *wait);
    if (!wait) return lamina_complete(slot, request, -ENOMEM, 0);
    pthread_mutex_init(&wait->lock, 0);
    wait->slot = slot;
    wait->request = request;
    wait->arguments = *open_arguments;
    slot->context = wait;
    lamina_status status = upcalls_of(slot)->hold(slot, request, cancel);
    if (status < 0) {
        free(wait);
        return lamina_complete(slot, request, status, 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t when = now.tv_sec * 1000000000LL + now.tv_nsec + delay;
    status = upcalls_of(slot)->post_at(slot, when, go_on, wait);
    if (status < 0) go_on(wait);
    return LAMINA_PENDING;
}

static lamina_status ask(lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    const gate *gate = lamina_instance_context(slot);
    const char what = open_arguments->flags & LAMINA_OPEN_FROM_BELOW ? gate->accept : gate->open;
    if (what == 'r') return lamina_complete(slot, request, -EACCES, 0);
    if (what == 'w') return wait_outside(slot, open_arguments, request, gate->delay);
    return lamina_open(slot, open_arguments, request);
}

static const lamina_table table = {.size = sizeof table, .version = LAMINA_ABI_VERSION, .open = ask};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    gate *gate = malloc(sizeof *gate);
    if (!gate) return -ENOMEM;
    gate->open = setting_named(asked, "open")->text[0];
    gate->accept = setting_named(asked, "accept")->text[0];
    gate->delay = setting_named(asked, "delay")->number;
    instance->table = &table;
    instance->context = gate;
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "open", .type = LAMINA_SETTING_CHOICE, .choices = "pass|refuse|wait", .default_value = "pass",
        .help = "what happens to a socket that is opened"},
    {.name = "accept", .type = LAMINA_SETTING_CHOICE, .choices = "pass|refuse|wait", .default_value = "pass",
        .help = "what happens to a socket that was accepted"},
    {.name = "delay", .type = LAMINA_SETTING_DURATION, .default_value = "20ms", .help = "how long one waits"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "gate",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_FIREWALL,
    .categories = LAMINA_ANY_CATEGORY,
    .setting_count = sizeof settings / sizeof *settings,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
