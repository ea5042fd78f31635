// A base: the end of a chain. What a program sends on a connection comes back. Here is the place for a transport.
#include "lamina_provider.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/// A receive that waits for data, with a copy of the caller's descriptors.
typedef struct waiter {
    struct waiter *next;
    lamina_request *request;
    uint32_t count;
    lamina_buffer buffers[];
} waiter;

/// What the base keeps for each socket.
typedef struct echo {
    pthread_mutex_t lock;
    unsigned char *bytes;
    size_t length, capacity;
    waiter *first;
    int connected, finished;
} echo;

/// How much a connection holds.
enum { LIMIT = 16 << 20 };

/// Moves bytes into a caller's buffers. Under the lock.
static uint64_t take(echo *echo, const lamina_buffer *buffers, uint32_t count) {
    size_t taken = 0;
    for (uint32_t index = 0; index < count; index++) {
        const size_t rest = echo->length - taken;
        const size_t length = buffers[index].length < rest ? buffers[index].length : rest;
        if (length) memcpy(buffers[index].base, echo->bytes + taken, length);
        taken += length;
    }
    echo->length -= taken;
    memmove(echo->bytes, echo->bytes + taken, echo->length);
    return taken;
}

/// Completes the receives that can end now, one at a time, in order.
static void serve(lamina_slot *slot, lamina_status status) {
    echo *echo = slot->context;
    for (;;) {
        pthread_mutex_lock(&echo->lock);
        waiter *waiter = echo->first;
        if (!waiter || (status == 0 && !echo->length && !echo->finished)) {
            pthread_mutex_unlock(&echo->lock);
            return;
        }
        echo->first = waiter->next;
        // A request that can't be claimed is the cancel's, which finds it gone from the queue.
        lamina_request *request = lamina_request_claim(waiter->request) ? waiter->request : 0;
        const uint64_t bytes = request && status == 0 ? take(echo, waiter->buffers, waiter->count) : 0;
        pthread_mutex_unlock(&echo->lock);
        free(waiter);
        if (request) (void)lamina_complete(slot, request, status, bytes);
    }
}

static lamina_status open_echo(
    lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    echo *echo = calloc(1, sizeof *echo);
    (void)open_arguments;
    if (!echo) return lamina_complete(slot, request, -ENOMEM, 0);
    pthread_mutex_init(&echo->lock, 0);
    slot->context = echo;
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status close_echo(lamina_slot *slot, lamina_request *request) {
    echo *echo = slot->context;
    serve(slot, -ECANCELED);
    pthread_mutex_destroy(&echo->lock);
    free(echo->bytes);
    free(echo);
    slot->context = 0;
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status connect_echo(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    echo *echo = slot->context;
    lamina_status status = flags ? -EINVAL : 0;
    (void)address;
    pthread_mutex_lock(&echo->lock);
    if (status == 0 && echo->connected) status = -EISCONN;
    if (status == 0) echo->connected = 1;
    pthread_mutex_unlock(&echo->lock);
    return lamina_complete(slot, request, status, 0);
}

static lamina_status send_echo(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    echo *echo = slot->context;
    size_t length = 0;
    lamina_status status = 0;
    if (flags & ~(uint32_t)LAMINA_SEND_NO_DELAY) return lamina_complete(slot, request, -EINVAL, 0);
    for (uint32_t index = 0; index < count; index++) length += buffers[index].length;
    pthread_mutex_lock(&echo->lock);
    if (!echo->connected) {
        status = -ENOTCONN;
    } else if (echo->finished) {
        status = -EPIPE;
    } else if (length > LIMIT - echo->length) {
        status = -ENOBUFS;
    } else if (echo->length + length > echo->capacity) {
        const size_t capacity = 2 * (echo->length + length);
        unsigned char *bytes = realloc(echo->bytes, capacity);
        status = bytes ? 0 : -ENOMEM;
        if (bytes) echo->bytes = bytes, echo->capacity = capacity;
    }
    for (uint32_t index = 0; status == 0 && index < count; index++) {
        if (buffers[index].length) memcpy(echo->bytes + echo->length, buffers[index].base, buffers[index].length);
        echo->length += buffers[index].length;
    }
    pthread_mutex_unlock(&echo->lock);
    if (status == 0) serve(slot, 0);
    return lamina_complete(slot, request, status, status ? 0 : length);
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    echo *echo = slot->context;
    waiter *found = 0;
    pthread_mutex_lock(&echo->lock);
    for (waiter **link = &echo->first; *link; link = &(*link)->next) {
        if ((*link)->request == request) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&echo->lock);
    free(found);
    (void)lamina_complete(slot, request, lamina_cancel_status(request), 0);
}

static lamina_status receive_echo(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    echo *echo = slot->context;
    if (flags) return lamina_complete(slot, request, -EINVAL, 0);
    pthread_mutex_lock(&echo->lock);
    if (!echo->first && (echo->length || echo->finished)) {
        const uint64_t bytes = take(echo, buffers, count);
        pthread_mutex_unlock(&echo->lock);
        return lamina_complete(slot, request, 0, bytes);
    }
    waiter *added = malloc(sizeof *added + count * sizeof *buffers);
    lamina_status status = added ? slot->column->upcalls->hold(slot, request, cancel) : -ENOMEM;
    if (status == 0) {
        waiter **link = &echo->first;
        while (*link) link = &(*link)->next;
        *link = added;
        added->next = 0;
        added->request = request;
        added->count = count;
        if (count) memcpy(added->buffers, buffers, count * sizeof *buffers);
    }
    pthread_mutex_unlock(&echo->lock);
    if (status == 0) return LAMINA_PENDING;
    free(added);
    return lamina_complete(slot, request, status, 0);
}

static lamina_status disconnect_echo(lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags,
    lamina_request *request) {
    echo *echo = slot->context;
    (void)buffers;
    if (flags || count) return lamina_complete(slot, request, -EOPNOTSUPP, 0);
    pthread_mutex_lock(&echo->lock);
    echo->finished = 1;
    pthread_mutex_unlock(&echo->lock);
    serve(slot, 0);
    return lamina_complete(slot, request, 0, 0);
}

static const lamina_table table = {
    .size = sizeof table,
    .version = LAMINA_ABI_VERSION,
    .open = open_echo,
    .close = close_echo,
    .connect = connect_echo,
    .send = send_echo,
    .receive = receive_echo,
    .disconnect = disconnect_echo,
};

static lamina_status instantiate(const lamina_instance_arguments *arguments, lamina_instance *instance) {
    (void)arguments;
    instance->table = &table;
    return 0;
}

/// What sockets a program may open on it: streams that lose and reorder nothing, and close gracefully (Winsock's XP1_ bits).
static const lamina_protocol protocols[] = {
    {.family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .service_flags = 0x26,
        .provider_flags = LAMINA_PROTOCOL_MATCHES_ZERO},
    {.family = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .service_flags = 0x26,
        .provider_flags = LAMINA_PROTOCOL_MATCHES_ZERO},
};

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_BASE_PROVIDER,
    .name = "__name__",
    .version = "1.0",
    .summary = "sends back what it is sent",
    .uuid = "__uuid__",
    .effect = LAMINA_EFFECT_TRANSFORM,
    .handoff = LAMINA_HANDOFF_NONE,
    .categories = LAMINA_CONNECTION,
    .protocols = protocols,
    .protocol_count = sizeof protocols / sizeof protocols[0],
    .protocol_size = sizeof protocols[0],
    .instantiate = instantiate,
};

/// The one symbol that the library exports (WSPStartup).
LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    static const lamina_provider *const providers[] = {&provider};
    (void)startup_arguments;
    return lamina_offer(result, providers, 1);
}
