// A layer that handles every call generically: it writes what passes, and changes, fails or delays what its settings name.
#include "lamina_generic.h"
#include "layer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/// Ioctls of its own: make the delayed calls in their order, in the reverse order, or end them; get so many closures from
/// now on.
enum { LET_GO = 900, LET_GO_REVERSED = 901, LET_FAIL = 902, CLOSURES_LEFT = 903 };

typedef struct spy {
    void *generic;
    const lamina_upcalls *upcalls;
    const char *fail;
    const char *delay;
    const char *only;
    int64_t port;
    int writes;
    int postpones;
    int doubles;
    pthread_mutex_t lock;
    lamina_delayed *delayed[64];
    uint32_t count;
} spy;

/// How many closures libffi gives still.
#if defined(CLOSURES)
static int64_t closures = CLOSURES;
void *__real_ffi_closure_alloc(size_t size, void **code);

/// What libffi answers where the system gives no memory for code.
void *__wrap_ffi_closure_alloc(size_t size, void **code) {
    return closures-- > 0 ? __real_ffi_closure_alloc(size, code) : 0;
}
#else
static int64_t closures;
#endif

static const char *const tables[] = {"", "entry", "indication", "extension", "client"};

static void write_line(spy *self, lamina_slot *slot, const char *line) {
    char whole[1024];
    const int size = snprintf(whole, sizeof whole, "lamina: %s: %s", self->upcalls->label(slot), line);
    self->upcalls->output(slot, whole, (size_t)size);
}

/// `entry send(buffers, count 1, flags 0)`; pointers have their names alone, null ones `!` behind it.
static void write_call(spy *self, const lamina_call *call) {
    char line[512];
    const lamina_signature *signature = call->signature;
    int length = snprintf(line, sizeof line, "%s %s(", tables[signature->table], signature->name);
    for (uint32_t index = 0; index < signature->parameter_count; index++) {
        const lamina_parameter *parameter = &signature->parameters[index];
        const lamina_value value = lamina_call_argument(call, index);
        length += snprintf(line + length, sizeof line - (size_t)length, "%s%s", index ? ", " : "", parameter->name);
        if (parameter->kind == LAMINA_VALUE_POINTER) {
            if (!value.pointer) line[length++] = '!';
        } else if (parameter->kind == LAMINA_VALUE_DOUBLE || parameter->kind == LAMINA_VALUE_FLOAT) {
            length += snprintf(line + length, sizeof line - (size_t)length, " %g", value.real);
        } else if (parameter->kind % 2) {
            length += snprintf(line + length, sizeof line - (size_t)length, " %lld", (long long)value.integer);
        } else {
            length += snprintf(line + length, sizeof line - (size_t)length, " %llu", (unsigned long long)value.number);
        }
    }
    snprintf(line + length, sizeof line - (size_t)length, ")\n");
    write_line(self, call->slot, line);
}

static lamina_status let_go(spy *self, lamina_call *call, uint32_t code) {
    lamina_delayed *delayed[64];
    pthread_mutex_lock(&self->lock);
    const uint32_t count = self->count;
    memcpy(delayed, self->delayed, sizeof delayed);
    self->count = 0;
    pthread_mutex_unlock(&self->lock);
    uint64_t made = 0;
    for (uint32_t index = 0; index < count; index++) {
        lamina_delayed *next = delayed[code == LET_GO_REVERSED ? count - 1 - index : index];
        const lamina_status status =
            code == LET_FAIL ? lamina_delayed_complete(next, -EHOSTUNREACH, 0) : lamina_delayed_forward(next);
        made += status == 0;
    }
    return lamina_call_complete(call, 0, made);
}

static void go_on(void *delayed) { lamina_delayed_forward(delayed); }

/// Lets the socket's engine make the call.
static lamina_status postpone(lamina_call *call) {
    lamina_delayed *delayed;
    lamina_slot *slot = call->slot;
    const lamina_status status = lamina_call_delay(call, &delayed);
    if (delayed && slot->column->upcalls->post(slot, go_on, delayed) < 0) go_on(delayed);
    return status;
}

static lamina_status delay(spy *self, lamina_call *call) {
    lamina_delayed *delayed;
    pthread_mutex_lock(&self->lock);
    const lamina_status status = lamina_call_delay(call, &delayed);
    if (delayed && self->count < 64) self->delayed[self->count++] = delayed;
    pthread_mutex_unlock(&self->lock);
    return status;
}

static lamina_status handle(lamina_call *call) {
    spy *self = call->context;
    const char *name = call->signature->name;
    const int is_entry = call->signature->table == LAMINA_SIGNATURE_ENTRY;
    if (is_entry && strcmp(name, "control") == 0) {
        const lamina_operation *operation = lamina_call_argument(call, 1).pointer;
        if (operation->kind == LAMINA_CONTROL_IOCTL && operation->code >= LET_GO && operation->code <= LET_FAIL) {
            return let_go(self, call, operation->code);
        }
        if (operation->kind == LAMINA_CONTROL_IOCTL && operation->code == CLOSURES_LEFT) {
            closures = operation->level;
            return lamina_call_complete(call, 0, 0);
        }
    }
    if (self->writes) write_call(self, call);
    const int is_call = call->signature->table != LAMINA_SIGNATURE_INDICATION;
    if (is_call && self->fail && strcmp(name, self->fail) == 0) return lamina_call_complete(call, -EACCES, 0);
    if (self->writes) lamina_call_watch(call, call->signature->number);
    if (self->delay && strcmp(name, self->delay) == 0) return delay(self, call);
    if (self->postpones && lamina_call_can_wait(call)) return postpone(call);
    if (is_entry && self->port && strcmp(name, "connect") == 0) {
        const int index = lamina_call_find(call, "address");
        lamina_address address = *(const lamina_address *)lamina_call_argument(call, (uint32_t)index).pointer;
        address.storage.ipv4.sin_port = htons((uint16_t)self->port);
        lamina_call_set_argument(call, (uint32_t)index, (lamina_value){.pointer = &address});
        return lamina_call_forward(call);
    }
    const lamina_status status = lamina_call_forward(call);
    // What is called may be gone once an operation was forwarded.
    if (!is_entry && self->doubles) call->result.number *= 2;
    return status;
}

static lamina_status ended(const lamina_ended_call *call) {
    char line[256];
    snprintf(line, sizeof line, "ended %s %s = %d, %llu bytes\n",
        call->note == call->signature->number ? call->signature->name : "something else",
        tables[call->signature->table], call->request->status, (unsigned long long)call->request->bytes);
    write_line(call->context, call->slot, line);
    return 0;
}

static int wants(const lamina_signature *signature, void *context) {
    const spy *self = context;
    return !self->only || strcmp(self->only, signature->name) == 0;
}

static void destroy(void *context) {
    spy *self = context;
    lamina_generic_destroy(self->generic);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    spy *self = calloc(1, sizeof *self);
    if (!self) return -ENOMEM;
    pthread_mutex_init(&self->lock, 0);
    self->upcalls = asked->upcalls;
    for (uint32_t index = 0; index < asked->setting_count; index++) {
        const lamina_setting *setting = &asked->settings[index];
        if (strcmp(setting->name, "fail") == 0) self->fail = setting->text;
        if (strcmp(setting->name, "delay") == 0) self->delay = setting->text;
        if (strcmp(setting->name, "only") == 0) self->only = setting->text;
        if (strcmp(setting->name, "port") == 0) self->port = setting->number;
        if (strcmp(setting->name, "writes") == 0) self->writes = setting->number != 0;
        if (strcmp(setting->name, "postpones") == 0) self->postpones = setting->number != 0;
        if (strcmp(setting->name, "doubles") == 0) self->doubles = setting->number != 0;
    }
    const lamina_generic_options options = {handle, ended, wants, 0, self};
    const lamina_status status = lamina_generic_instantiate(asked, &options, instance);
    if (status < 0) {
        free(self);
        return status;
    }
    self->generic = instance->context;
    instance->context = self;
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "fail", .type = LAMINA_SETTING_TEXT, .help = "the call that fails"},
    {.name = "delay", .type = LAMINA_SETTING_TEXT, .help = "the call that waits"},
    {.name = "only", .type = LAMINA_SETTING_TEXT, .help = "all that it wants to see"},
    {.name = "port", .type = LAMINA_SETTING_INTEGER, .help = "where connections go"},
    {.name = "writes", .type = LAMINA_SETTING_BOOLEAN, .default_value = "no", .help = "writes what passes"},
    {.name = "postpones", .type = LAMINA_SETTING_BOOLEAN, .default_value = "no", .help = "makes calls later"},
    {.name = "doubles", .type = LAMINA_SETTING_BOOLEAN, .default_value = "no", .help = "doubles what functions answer"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "spy",
    .version = "1",
    .summary = "sees everything",
    .uuid = "d2f7a3b4-6b1c-4c7e-9d55-3f0c8a5e7702",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_ANY_CATEGORY,
#if !defined(UNDECLARED)
    .flags = LAMINA_PROVIDER_GENERIC,
#endif
    .setting_count = sizeof settings / sizeof settings[0],
    .settings = settings,
    .instantiate = instantiate,
    .destroy = destroy,
};

OFFER(provider)
