// Keeps each completion of a send or receive and gives it back on a thread of its own, in order: a frame that returns
// LAMINA_MORE_PROCESSING has the request again until it completes it once more.
#include "layer.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct keeper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    lamina_request *first, *last;
    int ends;
} keeper;

/// What the keeper puts into `request->owner` while it has the request.
enum { NEXT = 0, SLOT = 1 };

static void *give_back(void *context) {
    keeper *keeper = context;
    pthread_mutex_lock(&keeper->lock);
    for (;;) {
        lamina_request *request = keeper->first;
        if (request) {
            keeper->first = request->owner[NEXT];
            pthread_mutex_unlock(&keeper->lock);
            (void)lamina_complete(request->owner[SLOT], request, request->status, request->bytes);
            pthread_mutex_lock(&keeper->lock);
        } else if (keeper->ends) {
            pthread_mutex_unlock(&keeper->lock);
            return 0;
        } else {
            pthread_cond_wait(&keeper->changed, &keeper->lock);
        }
    }
}

static lamina_status keep(lamina_slot *slot, lamina_request *request, void *context) {
    keeper *keeper = context;
    upcalls_of(slot)->mark_pending(slot, request);
    pthread_mutex_lock(&keeper->lock);
    request->owner[NEXT] = 0;
    request->owner[SLOT] = slot;
    if (keeper->first) {
        keeper->last->owner[NEXT] = request;
    } else {
        keeper->first = request;
    }
    keeper->last = request;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    return LAMINA_MORE_PROCESSING;
}

/// True: the frame is there. A caller that only tries gets its answer at once.
static int watch(lamina_slot *slot, lamina_request *request) {
    return request->flags & LAMINA_REQUEST_TRY || lamina_push(slot, request, keep, lamina_instance_context(slot));
}

static lamina_status send_kept(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!watch(slot, request)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_send(slot, buffers, count, flags, request);
}

static lamina_status receive_kept(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    if (!watch(slot, request)) return lamina_complete(slot, request, -ENOMEM, 0);
    return lamina_receive(slot, buffers, count, flags, request);
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .send = send_kept, .receive = receive_kept};

static lamina_status instantiate(const lamina_instance_arguments *asked, lamina_instance *instance) {
    (void)asked;
    keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) return -ENOMEM;
    pthread_mutex_init(&keeper->lock, 0);
    pthread_cond_init(&keeper->changed, 0);
    if (pthread_create(&keeper->thread, 0, give_back, keeper)) {
        free(keeper);
        return -EAGAIN;
    }
    instance->table = &table;
    instance->context = keeper;
    return 0;
}

static void destroy(void *context) {
    keeper *keeper = context;
    pthread_mutex_lock(&keeper->lock);
    keeper->ends = 1;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, 0);
    free(keeper);
}

static const lamina_provider provider = {
    .size = sizeof provider,
    .kind = LAMINA_LAYERED_PROVIDER,
    .name = "keeper",
    .effect = LAMINA_EFFECT_OBSERVE,
    .phase = LAMINA_PHASE_INSPECTOR,
    .categories = LAMINA_CONNECTION | LAMINA_STREAM,
    .instantiate = instantiate,
    .destroy = destroy,
};

OFFER(provider)
