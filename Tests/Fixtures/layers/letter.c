// Sends a letter in place of each digit, and can be told at any time which: the setting `letter` is live.
#include "layer.h"

#include <stdatomic.h>

static lamina_status replace(lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags,
    lamina_request *request) {
    const _Atomic char *letter = lamina_instance_context(slot);
    const char now = atomic_load(letter);
    for (uint32_t index = 0; index < count; index++) {
        char *bytes = buffers[index].base;
        for (size_t place = 0; place < buffers[index].length; place++) {
            if (bytes[place] >= '0' && bytes[place] <= '9') bytes[place] = now;
        }
    }
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status configure(void *instance, const lamina_setting *setting, char *reason, size_t reason_capacity) {
    if (setting->text_length != 1 || setting->text[0] < 'a' || setting->text[0] > 'z') {
        if (reason_capacity) strncpy(reason, "a letter from a to z is wanted", reason_capacity - 1);
        return -EINVAL;
    }
    atomic_store((_Atomic char *)instance, setting->text[0]);
    return 0;
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .configure = configure, .send = replace};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    _Atomic char *letter = malloc(1);
    if (!letter) return -ENOMEM;
    atomic_init(letter, setting_named(asked, "letter")->text[0]);
    instance->table = &table;
    instance->context = (void *)letter;
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "letter", .type = LAMINA_SETTING_TEXT, .flags = LAMINA_SETTING_LIVE, .default_value = "x",
        .help = "what is sent"},
    {.name = "fixed", .type = LAMINA_SETTING_BOOLEAN, .default_value = "no", .help = "can't change"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "letter",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .setting_count = sizeof settings / sizeof *settings,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
