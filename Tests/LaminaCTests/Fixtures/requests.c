// Requests with completion routines on an engine that the program runs: one thread does everything.
#include <dirent.h>
#include <poll.h>
#include <pthread.h>

#include "check.h"

static pthread_t own;
static lamina_engine *engine;

typedef struct operation {
    lamina_request request;
    int completions;
    int routine;
} operation;

static lamina_status completed(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot;
    (void)request;
    CHECK(pthread_equal(pthread_self(), own));
    ((operation *)context)->completions += 1;
    return 0;
}

static void prepare(operation *operation) {
    memset(operation, 0, sizeof *operation);
    lamina_request_prepare(&operation->request, completed, operation);
}

// Polls the engine's descriptor, as an event loop would, and runs what is due.
static void finish(operation *operation, lamina_status expected) {
    while (!operation->completions) {
        struct pollfd waiting = {lamina_engine_descriptor(engine), POLLIN, 0};
        CHECK(poll(&waiting, 1, 20000) == 1);
        CHECK(lamina_engine_run(engine, 0) >= 0);
    }
    CHECK(operation->completions == 1);
    if (operation->request.status != expected) fprintf(stderr, "status %d\n", operation->request.status);
    CHECK(operation->request.status == expected);
}

static int threads(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (const struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static lamina_socket open_by_request(lamina_chain *chain, uint32_t category) {
    operation opening;
    lamina_open_arguments open_arguments;
    memset(&open_arguments, 0, sizeof open_arguments);
    open_arguments.size = sizeof open_arguments;
    open_arguments.family = AF_INET;
    open_arguments.type = SOCK_STREAM;
    open_arguments.category = category;
    prepare(&opening);
    CHECK(lamina_socket_open(chain, &open_arguments, &opening.request) >= 0);
    finish(&opening, 0);
    const lamina_socket socket = {opening.request.socket, opening.request.socket_generation};
    return socket;
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    own = pthread_self();
    CHECK_STATUS(lamina_engine_open(&engine, &error), 0);
    lamina_chain *chain = open_chain(arguments, engine);
    const lamina_socket listener = open_listener(chain);

    operation accepting, connecting, receiving, sending, closing;
    prepare(&accepting);
    CHECK(lamina_socket_accept(listener, 0, 0, &accepting.request) == LAMINA_PENDING);
    const lamina_socket client = open_by_request(chain, LAMINA_CONNECTION);
    const lamina_address address = loopback(port_of(listener));
    prepare(&connecting);
    CHECK(lamina_socket_connect(client, &address, 0, &connecting.request) >= 0);
    finish(&connecting, 0);
    finish(&accepting, 0);
    const lamina_socket server = {accepting.request.socket, accepting.request.socket_generation};

    char bytes[16] = "";
    const lamina_buffer room = {bytes, sizeof bytes};
    char hello[] = "hello";
    const lamina_buffer data = {hello, 5};
    prepare(&receiving);
    CHECK(lamina_socket_receive(server, &room, 1, 0, &receiving.request) == LAMINA_PENDING);
    prepare(&sending);
    CHECK(lamina_socket_send(client, &data, 1, 0, &sending.request) == 0);
    finish(&sending, 0);
    finish(&receiving, 0);
    CHECK(receiving.request.bytes == 5 && memcmp(bytes, hello, 5) == 0);

    // A deadline makes the descriptor readable by itself.
    prepare(&receiving);
    receiving.request.deadline = lamina_deadline_after_ms(30);
    CHECK(lamina_socket_receive(server, &room, 1, 0, &receiving.request) == LAMINA_PENDING);
    finish(&receiving, -ETIMEDOUT);

    prepare(&receiving);
    CHECK(lamina_socket_receive(server, &room, 1, 0, &receiving.request) == LAMINA_PENDING);
    CHECK(lamina_cancel(&receiving.request) == 1);
    finish(&receiving, -ECANCELED);

    // A close completes what pends, then itself; the handle is stale afterwards.
    prepare(&receiving);
    CHECK(lamina_socket_receive(server, &room, 1, 0, &receiving.request) == LAMINA_PENDING);
    prepare(&closing);
    CHECK(lamina_socket_close(server, &closing.request) >= 0);
    finish(&closing, 0);
    finish(&receiving, -ECANCELED);
    prepare(&receiving);
    CHECK(lamina_socket_receive(server, &room, 1, 0, &receiving.request) == -EBADF);
    finish(&receiving, -EBADF);
    prepare(&closing);
    CHECK(lamina_socket_close(server, &closing.request) == -EBADF);
    finish(&closing, -EBADF);

    CHECK_STATUS(lamina_wait_close(client, &error), 0);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
    CHECK(threads() == 1);
    lamina_chain_close(chain);
    lamina_engine_close(engine);
    puts("done");
    return 0;
}
