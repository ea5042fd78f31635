// A base whose receives wait until an ioctl completes them, and whose sends end at once. It shows what the framework
// does with requests, without a transport.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lamina_provider.h"

enum { COMPLETE_ONE = 1, CALLS_INSIDE = 2, STUBBORN = 3 };

struct state {
    pthread_mutex_t lock;
    lamina_request *held[256];
    int count;
    int stubborn;
    uint64_t key;
    struct state *next;
};

static uint64_t sockets;
// Every state there has been: a cancel that lost may look into one after its close.
static struct state *states;

static struct state *new_state(void) {
    struct state *state = calloc(1, sizeof *state);
    pthread_mutex_init(&state->lock, 0);
    state->key = __atomic_add_fetch(&sockets, 1, __ATOMIC_RELAXED);
    state->next = __atomic_load_n(&states, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&states, &state->next, state, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    return state;
}

static lamina_status open_socket(lamina_slot *slot, const lamina_open_arguments *open_arguments, lamina_request *request) {
    if (open_arguments->protocol == 255) {
        return lamina_complete(slot, request, -EPROTONOSUPPORT, 0);
    }
    slot->context = new_state();
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status end(lamina_slot *slot, lamina_request *request, lamina_status status) {
    return lamina_complete(slot, request, status, 0);
}

static void cancel(lamina_slot *slot, lamina_request *request) {
    struct state *state = slot->context;
    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->count; i++) {
        if (state->held[i] == request) {
            state->held[i] = state->held[--state->count];
            break;
        }
    }
    pthread_mutex_unlock(&state->lock);
    end(slot, request, lamina_cancel_status(request));
}

static lamina_request *take(struct state *state) {
    lamina_request *request = 0;
    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->count && !request; i++) {
        if (lamina_request_claim(state->held[i])) {
            request = state->held[i];
            state->held[i] = state->held[--state->count];
        }
    }
    pthread_mutex_unlock(&state->lock);
    return request;
}

static lamina_status close_socket(lamina_slot *slot, lamina_request *request) {
    struct state *state = slot->context;
    lamina_request *held;
    while (!state->stubborn && (held = take(state))) {
        end(slot, held, -ECANCELED);
    }
    if (!state->stubborn) {
        // A cancel that has won may still look for its request.
        pthread_mutex_lock(&state->lock);
        int busy = state->count;
        pthread_mutex_unlock(&state->lock);
        while (busy) {
            pthread_mutex_lock(&state->lock);
            busy = state->count;
            pthread_mutex_unlock(&state->lock);
        }
    }
    return end(slot, request, 0);
}

static lamina_status receive(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    struct state *state = slot->context;
    pthread_mutex_lock(&state->lock);
    lamina_status status = state->count == 256 ? -ENOBUFS : slot->column->upcalls->hold(slot, request, cancel);
    if (status == 0) {
        state->held[state->count++] = request;
    }
    pthread_mutex_unlock(&state->lock);
    return status < 0 ? end(slot, request, status) : LAMINA_PENDING;
}

/// Answers the socket's key as its byte count, so that a wrong delivery shows.
static lamina_status send_data(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_complete(slot, request, 0, ((struct state *)slot->context)->key);
}

static lamina_status send_to(lamina_slot *slot, const lamina_message *message, uint32_t flags, lamina_request *request) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < message->buffer_count; i++) {
        total += message->buffers[i].length;
    }
    return lamina_complete(slot, request, total == 13 ? -EMSGSIZE : 0, total);
}

static lamina_status receive_from(lamina_slot *slot, lamina_message *message, uint32_t flags, lamina_request *request) {
    return lamina_complete(slot, request, 0, 5);
}

static lamina_status connect_socket(
    lamina_slot *slot, const lamina_address *address, uint32_t flags, lamina_request *request) {
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status disconnect(
    lamina_slot *slot, const lamina_buffer *buffers, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_complete(slot, request, count ? -EPROTO : 0, 0);
}

static lamina_status control(lamina_slot *slot, const lamina_operation *operation, lamina_request *request) {
    struct state *state = slot->context;
    if (operation->code == STUBBORN) {
        state->stubborn = 1;
    } else if (operation->code == COMPLETE_ONE) {
        lamina_request *held = take(state);
        if (held) {
            held->status = 0;
            lamina_complete(slot, held, 0, state->key);
        }
    }
    return lamina_complete(slot, request, 0, 0);
}

static lamina_status listen_socket(lamina_slot *slot, uint32_t backlog, lamina_request *request) {
    return lamina_complete(slot, request, 0, 0);
}

static void accepted(lamina_slot *listener, lamina_slot *slot, lamina_status status, void *context) {
    lamina_request *request = context;
    if (status == 0) {
        request->socket = (lamina_slot *)(void *)(slot->column + 1);
        request->socket_generation = slot->column->generation;
    }
    lamina_complete(listener, request, status, 0);
}

static lamina_status accept_socket(
    lamina_slot *slot, lamina_address *local, lamina_address *remote, lamina_request *request) {
    lamina_slot *base = 0;
    lamina_status status = slot->column->upcalls->accept_column(slot, AF_INET, SOCK_STREAM, 0, &base);
    if (status < 0) {
        return lamina_complete(slot, request, status, 0);
    }
    base->context = new_state();
    lamina_address peer;
    memset(&peer, 0, sizeof peer);
    peer.form = LAMINA_ADDRESS_SOCKET;
    peer.length = sizeof peer.storage.ipv4;
    peer.storage.ipv4.sin_family = AF_INET;
    peer.storage.ipv4.sin_port = htons(4711);
    peer.storage.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    slot->column->upcalls->mark_pending(slot, request);
    slot->column->upcalls->accept_ready(slot, base, &peer, accepted, request);
    return LAMINA_PENDING;
}

static const lamina_table table = {
    .size = sizeof table, .version = LAMINA_ABI_VERSION, .open = open_socket, .close = close_socket,
    .control = control, .listen = listen_socket, .accept = accept_socket, .connect = connect_socket,
    .send = send_data, .receive = receive, .send_to = send_to, .receive_from = receive_from,
    .disconnect = disconnect,
};

static lamina_status instantiate(const lamina_instance_arguments *instance_arguments, lamina_instance *instance) {
    instance->table = &table;
    return 0;
}

static const lamina_provider provider = {
    .size = sizeof provider, .kind = LAMINA_BASE_PROVIDER, .name = "held", .version = "1", .summary = "holds receives",
    .uuid = "5a4c1f0e-6f43-4f0e-9b3e-2f4f6a6d0001", .effect = LAMINA_EFFECT_TRANSFORM,
    .categories = LAMINA_LISTEN | LAMINA_CONNECTION | LAMINA_DATAGRAM, .instantiate = instantiate,
};

LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    static const lamina_provider *const providers[] = {&provider};
    return lamina_offer(result, providers, 1);
}
