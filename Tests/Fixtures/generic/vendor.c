// A layer with an extension whose table has fields, and functions of many types.
#include "layer.h"

#define VENDOR "0a1b2c3d-0000-4000-8000-000000000001"

typedef struct vendor_dispatch {
    uint32_t size;
    uint8_t flags;
    int8_t (*negate)(int8_t value);
    double (*scale)(double value, float by);
    int16_t (*add)(int16_t a, uint16_t b, unsigned long c);
    const char *(*name)(void);
    void (*nothing)(void);
    int64_t (*sum)(int32_t a, uint32_t b, int64_t c, const int64_t *d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i);
    int32_t (*many)(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i, int32_t j,
        int32_t k);
} vendor_dispatch;

static int calls_of_nothing;

static int8_t negate(int8_t value) { return (int8_t)-value; }
static double scale(double value, float by) { return value * (double)by; }
static int16_t add(int16_t a, uint16_t b, unsigned long c) { return (int16_t)(a + (int16_t)b + (int16_t)c); }
static const char *name(void) { return "vendor"; }
static void nothing(void) { calls_of_nothing += 1; }

static int64_t sum(int32_t a, uint32_t b, int64_t c, const int64_t *d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i) {
    return (int64_t)a + b + c + *d + e + f + g + 1000 * h + 100000 * (int64_t)i;
}
static int32_t many(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i, int32_t j,
    int32_t k) {
    return a + b + c + d + e + f + g + h + i + 100 * j + 10000 * k;
}

static const vendor_dispatch dispatch = {sizeof dispatch, 0x5a, negate, scale, add, name, nothing, sum, many};

/// 0, or which function of a table gave something else than it should.
LAMINA_EXPORT int32_t check_dispatch(const void *table) {
    const vendor_dispatch *offered = table;
    if (offered == &dispatch) return 1;
    if (offered->size != sizeof *offered || offered->flags != 0x5a) return 2;
    if (offered->negate(-100) != 100) return 3;
    if (offered->scale(1.5, 0.25f) != 0.375) return 4;
    if (offered->add(-3, 65535, ~0ul) != -5) return 5;
    if (strcmp(offered->name(), "vendor") != 0) return 6;
    offered->nothing();
    if (calls_of_nothing != 1) return 7;
    const int64_t wide = 1ll << 40;
    if (offered->sum(-1, 4294967295u, -4294967296ll, &wide, 1, 1, wide, -3, -20000) != 2 * wide - 2000003000) return 8;
    return offered->many(1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -2) == 9 - 100 - 20000 ? 0 : 9;
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    if (!lamina_is_extension(operation, VENDOR)) return lamina_control(slot, operation, request);
    lamina_extension *answer = operation->output;
    answer->context = 0;
    answer->dispatch = &dispatch;
    return lamina_complete(slot, request, 0, sizeof *answer);
}

static const lamina_table table = {.size = sizeof table, .version = LAMINA_ABI_VERSION, .control = control};

INSTANTIATE(table)

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "vendor",
    .effect = LAMINA_EFFECT_NONE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_ANY_CATEGORY,
    .instantiate = instantiate,
};

OFFER(provider)
