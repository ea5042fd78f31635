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
    float (*half)(float value);
    double (*mix)(int8_t a, double b, float c, uint16_t d, int32_t e, uint64_t f, int64_t g, uint8_t h, int16_t i, double j,
        float k, double l, double m, double n, double o, float p, double q, int32_t r, float s);
    lamina_status (*flush)(int32_t error);
} vendor_dispatch;

static int calls_of_nothing;
static int32_t calls_of_flush;

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
static float half(float value) { return value / 2; }
/// More of each kind than there are registers.
static double mix(int8_t a, double b, float c, uint16_t d, int32_t e, uint64_t f, int64_t g, uint8_t h, int16_t i, double j,
    float k, double l, double m, double n, double o, float p, double q, int32_t r, float s) {
    return a + 2 * b + 3 * (double)c + 4 * d + 5 * e + 6 * (double)f + 7 * (double)g + 8 * h + 9 * i + 10 * j
        + 11 * (double)k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * (double)p + 17 * q + 18 * r + 19 * (double)s;
}

static lamina_status flush(int32_t error) {
    calls_of_flush += 1;
    return -error;
}

static const vendor_dispatch dispatch = {
    sizeof dispatch, 0x5a, negate, scale, add, name, nothing, sum, many, half, mix, flush};

/// 0, or which function of a table gave something else than it should.
LAMINA_EXPORT int32_t check_dispatch(const void *table) {
    const vendor_dispatch *offered = table;
    if (offered == &dispatch) return 1;
    if (offered->size != sizeof *offered || offered->flags != 0x5a) return 2;
    if (offered->negate(-100) != 100) return 3;
    if (offered->scale(1.5, 0.25f) != 0.375) return 4;
    if (offered->add(-3, 65535, ~0ul) != -5) return 5;
    if (strcmp(offered->name(), "vendor") != 0) return 6;
    const int before = calls_of_nothing;
    offered->nothing();
    if (calls_of_nothing != before + 1) return 7;
    const int64_t wide = 1ll << 40;
    if (offered->sum(-1, 4294967295u, -4294967296ll, &wide, 1, 1, wide, -3, -20000) != 2 * wide - 2000003000) return 8;
    if (offered->many(1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -2) != 9 - 100 - 20000) return 9;
    if (offered->half(-3) != -1.5f) return 10;
    const double mixed = offered->mix(
        -1, 2, 3, 65535, -5, 6, -7, 255, -9, 10, 11.5f, 12, 13, 14, -15, 16.25f, 17.5, -18, 19);
    const double expected = -1 + 4 + 9 + 4 * 65535 - 25 + 36 - 49 + 8 * 255 - 81 + 100 + 126.5 + 144 + 169 + 196 - 225
        + 260 + 297.5 - 324 + 361;
    return mixed == expected ? 0 : 11;
}

/// What `flush` answers through a table.
LAMINA_EXPORT int32_t flush_through(const void *table, int32_t error) {
    return ((const vendor_dispatch *)table)->flush(error);
}

/// The text that `name` answers through a table.
LAMINA_EXPORT const char *name_through(const void *table) { return ((const vendor_dispatch *)table)->name(); }

/// How often the vendor's own was called.
LAMINA_EXPORT int32_t flushes(void) { return calls_of_flush; }

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
