// The same in a program with an event loop of its own: an engine without threads, one descriptor to poll, and completion
// routines that run inside the loop.
#include <lamina.h>
#include <poll.h>
#include <stdio.h>

/// One question, and the request that it is at: connect, send, receive, one after the other.
typedef struct question {
    lamina_socket socket;
    lamina_request request;
    lamina_address destination;
    char answer[100];
    lamina_buffer room;
    lamina_status status;
    int done;
} question;

static lamina_status received(lamina_slot *slot, lamina_request *request, void *context) {
    question *own = context;
    (void)slot;
    own->status = request->status < 0 ? request->status : (lamina_status)request->bytes;
    own->done = 1;
    return 0;
}

static lamina_status sent(lamina_slot *slot, lamina_request *request, void *context) {
    question *own = context;
    if (request->status < 0) return received(slot, request, context);
    // A completed request is its owner's again, also inside its own completion.
    lamina_request_prepare(&own->request, received, own);
    own->room = (lamina_buffer){own->answer, sizeof own->answer};
    (void)lamina_socket_receive(own->socket, &own->room, 1, 0, &own->request);
    return 0;
}

static lamina_status connected(lamina_slot *slot, lamina_request *request, void *context) {
    static const lamina_buffer hello = {"hello\n", 6};
    question *own = context;
    if (request->status < 0) return received(slot, request, context);
    lamina_request_prepare(&own->request, sent, own);
    (void)lamina_socket_send(own->socket, &hello, 1, 0, &own->request);
    return 0;
}

int main(int count, char **arguments) {
    static const char *const layers[] = {"count"};
    static question own;
    lamina_error error = {0};
    lamina_engine *engine;
    lamina_chain *chain;
    if (count != 2) return fprintf(stderr, "usage: %s HOST:PORT\n", arguments[0]), 64;
    if (lamina_address_parse(arguments[1], &own.destination, &error) < 0
        || lamina_engine_open(&engine, &error) < 0
        || lamina_chain_open(layers, 1, 0, 0, engine, &chain, &error) < 0
        || lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, LAMINA_CONNECTION, &own.socket, &error) < 0)
        return fprintf(stderr, "%s\n", error.message), 1;

    lamina_request_prepare(&own.request, connected, &own);
    (void)lamina_socket_connect(own.socket, &own.destination, 0, &own.request);
    while (!own.done) {
        // A program's own descriptors stand beside the engine's.
        struct pollfd waiting[] = {{lamina_engine_descriptor(engine), POLLIN, 0}};
        (void)poll(waiting, 1, -1);
        (void)lamina_engine_run(engine, 0);
    }

    if (own.status < 0) fprintf(stderr, "%s\n", strerror(-own.status));
    else (void)fwrite(own.answer, 1, (size_t)own.status, stdout);
    (void)lamina_wait_close(own.socket, 0);
    lamina_chain_close(chain);
    lamina_engine_close(engine);
    return own.status < 0;
}
