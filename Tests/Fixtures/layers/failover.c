// Fail-over: a terminating level with two lower columns. It opens both, connects the first to where the program wants,
// and where that fails the second to the port `second` of the same host. The one that connected becomes the primary:
// all entries that stand empty here go to it.
#include "layer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct pair {
    pthread_mutex_t lock;
    lamina_slot *slot;
    lamina_slot *lower[2];
    /// Which of the two the work in `inner` is for.
    int current;
    lamina_address address;
    lamina_open_arguments arguments;
    /// The program's request, and the one that is under way below for it.
    lamina_request *outer;
    lamina_request inner;
    int connects;
    lamina_status result;
} pair;

// Close: one after the other, then the program's request. It can't be refused, so nothing is held.

static void close_next(pair *pair);

static lamina_status closed(lamina_slot *slot, lamina_request *inner, void *context) {
    (void)slot, (void)inner;
    close_next(context);
    return 0;
}

static void close_next(pair *pair) {
    while (pair->current < 2 && !pair->lower[pair->current]) pair->current++;
    if (pair->current < 2) {
        lamina_slot *lower = pair->lower[pair->current++];
        lamina_request_prepare(&pair->inner, closed, pair);
        (void)upcalls_of(pair->slot)->close_below(lower, &pair->inner);
        return;
    }
    lamina_slot *slot = pair->slot;
    lamina_request *outer = pair->outer;
    const lamina_status result = pair->result;
    slot->primary = 0;
    slot->context = 0;
    pthread_mutex_destroy(&pair->lock);
    free(pair);
    (void)lamina_complete(slot, outer, result, 0);
}

static lamina_status close_pair(lamina_slot *slot, lamina_request *request) {
    pair *pair = slot->context;
    if (!pair) return lamina_complete(slot, request, 0, 0);
    upcalls_of(slot)->mark_pending(slot, request);
    pair->outer = request;
    pair->current = 0;
    pair->result = 0;
    close_next(pair);
    return LAMINA_PENDING;
}

// Open: one after the other as well. Where the second fails, the first is closed again.

static lamina_status opened(lamina_slot *slot, lamina_request *inner, void *context) {
    pair *pair = context;
    (void)slot;
    if (inner->status < 0) {
        pair->lower[pair->current] = 0;
        pair->result = inner->status;
    } else if (pair->current == 0) {
        pair->current = 1;
        lamina_request_prepare(inner, opened, pair);
        (void)upcalls_of(pair->slot)->open_below(pair->slot, &pair->arguments, 0, pair, &pair->lower[1], inner);
        return 0;
    } else {
        pair->slot->primary = pair->lower[0];
        (void)lamina_complete(pair->slot, pair->outer, 0, 0);
        return 0;
    }
    pair->current = 0;
    close_next(pair);
    return 0;
}

static lamina_status open_pair(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    pair *pair = calloc(1, sizeof *pair);
    if (!pair) return lamina_complete(slot, request, -ENOMEM, 0);
    pthread_mutex_init(&pair->lock, 0);
    pair->slot = slot;
    pair->outer = request;
    pair->arguments = *open_arguments;
    slot->context = pair;
    upcalls_of(slot)->mark_pending(slot, request);
    lamina_request_prepare(&pair->inner, opened, pair);
    (void)upcalls_of(slot)->open_below(slot, &pair->arguments, 0, pair, &pair->lower[0], &pair->inner);
    return LAMINA_PENDING;
}

// Connect: it may take long, so the request is held, and a cancel ends it at once. What is under way below then ends by
// itself, or with close.

static lamina_status connected(lamina_slot *slot, lamina_request *inner, void *context);

static void connect_current(pair *pair) {
    lamina_request_prepare(&pair->inner, connected, pair);
    (void)lamina_connect(pair->lower[pair->current], &pair->address, 0, &pair->inner);
}

static lamina_status connected(lamina_slot *slot, lamina_request *inner, void *context) {
    pair *pair = context;
    const lamina_status status = inner->status;
    (void)slot;
    pthread_mutex_lock(&pair->lock);
    lamina_request *outer = pair->outer;
    const int goes_on = outer && status < 0 && pair->current == 0;
    if (!goes_on) {
        // A request that can't be claimed is the cancel's, which waits for the lock.
        if (outer && !lamina_request_claim(outer)) outer = 0;
        pair->outer = 0;
        pair->connects = 0;
    }
    pthread_mutex_unlock(&pair->lock);
    if (goes_on) {
        const int64_t *second = lamina_instance_context(pair->slot);
        pair->current = 1;
        pair->address.storage.ipv4.sin_port = htons((uint16_t)*second);
        connect_current(pair);
    } else if (outer) {
        if (status >= 0) pair->slot->primary = pair->lower[pair->current];
        (void)lamina_complete(pair->slot, outer, status, 0);
    }
    return 0;
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    pair *pair = slot->context;
    pthread_mutex_lock(&pair->lock);
    pair->outer = 0;
    pthread_mutex_unlock(&pair->lock);
    (void)lamina_complete(slot, request, lamina_cancel_status(request), 0);
}

static lamina_status connect_pair(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    pair *pair = slot->context;
    if (flags || address->form != LAMINA_ADDRESS_SOCKET || address->storage.socket.sa_family != AF_INET) {
        return lamina_complete(slot, request, -EINVAL, 0);
    }
    pthread_mutex_lock(&pair->lock);
    const lamina_status status = pair->connects ? -EALREADY : upcalls_of(slot)->hold(slot, request, cancel);
    if (status == 0) {
        pair->connects = 1;
        pair->outer = request;
        pair->address = *address;
        pair->current = 0;
    }
    pthread_mutex_unlock(&pair->lock);
    if (status < 0) return lamina_complete(slot, request, status, 0);
    connect_current(pair);
    return LAMINA_PENDING;
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_pair,
    .close = close_pair,
    .connect = connect_pair,
};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    int64_t *second = malloc(sizeof *second);
    if (!second) return -ENOMEM;
    *second = setting_named(asked, "second")->number;
    instance->table = &table;
    instance->context = second;
    return 0;
}

static const lamina_setting_declaration settings[] = {
    {.name = "second", .type = LAMINA_SETTING_INTEGER, .flags = LAMINA_SETTING_REQUIRED,
        .help = "the port to connect to where the first try fails"},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_TERMINATING_PROVIDER,
    .name = "failover",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .handoff = LAMINA_HANDOFF_NONE,
    .phase = LAMINA_PHASE_PROXY,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .setting_count = 1,
    .settings = settings,
    .instantiate = instantiate,
    .destroy = free_instance,
};

OFFER(provider)
