// Refuses the value that its own declaration names.
#include "layer.h"

static const lamina_setting_declaration settings[] = {
    {.name = "limit", .type = LAMINA_SETTING_INTEGER, .flags = LAMINA_SETTING_LIVE, .default_value = "5",
        .help = "a number that nobody heeds"},
};
#define SETTINGS settings
#define SETTING_COUNT 1
#include "broken.h"

static lamina_status configure(
    void *instance, const lamina_setting *setting, char *reason, size_t reason_capacity) {
    (void)instance;
    if (setting->number != 5) return 0;
    strncpy(reason, "5 is too much", reason_capacity - 1);
    return -ERANGE;
}

static const lamina_table table = {TABLE, .configure = configure};

BROKEN("live-settings", LAMINA_EFFECT_NONE, LAMINA_ANY_CATEGORY, &table, 0)
