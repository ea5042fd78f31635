// Threads that all wait on sockets of one engine that the program runs, and run it by turns.
#include <poll.h>
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 200 };

static lamina_engine *engine;
static lamina_chain *chain;
static lamina_socket listener;
static uint16_t port;

static void *serve(void *unused) {
    (void)unused;
    lamina_socket socket;
    char bytes[16];
    ssize_t count;
    CHECK_STATUS(lamina_wait_accept(listener, &socket, 0, 0, &error), 0);
    while ((count = lamina_wait_receive(socket, bytes, sizeof bytes, 0, 0, &error)) > 0) {
        CHECK_STATUS(lamina_wait_send(socket, bytes, (size_t)count, 0, 0, &error), count);
    }
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
    return 0;
}

static void *call(void *unused) {
    (void)unused;
    const lamina_address address = loopback(port);
    const lamina_socket socket = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    CHECK_STATUS(lamina_wait_connect(socket, &address, 0, &error), 0);
    char bytes[16];
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(lamina_wait_send(socket, "turn", 4, 0, 0, &error), 4);
        CHECK_STATUS(lamina_wait_receive(socket, bytes, 4, LAMINA_RECEIVE_WAIT_ALL, 0, &error), 4);
    }
    CHECK_STATUS(lamina_wait_receive(socket, bytes, 4, 0, lamina_deadline_after_ms(5), &error), -ETIMEDOUT);
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
    return 0;
}

typedef struct connection {
    lamina_socket client, server;
    lamina_request request;
    char byte;
    int is_done;
} connection;

static connection first, second;

static void open_connection(connection *connection, lamina_completion completed) {
    const lamina_address address = loopback(port);
    connection->client = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    CHECK_STATUS(lamina_wait_connect(connection->client, &address, 0, &error), 0);
    CHECK_STATUS(lamina_wait_accept(listener, &connection->server, 0, 0, &error), 0);
    const lamina_buffer room = {&connection->byte, 1};
    lamina_request_prepare(&connection->request, completed, connection);
    CHECK(lamina_socket_receive(connection->server, &room, 1, 0, &connection->request) == LAMINA_PENDING);
}

static void close_connection(connection *connection) {
    CHECK_STATUS(lamina_wait_close(connection->client, &error), 0);
    CHECK_STATUS(lamina_wait_close(connection->server, &error), 0);
}

static lamina_status note(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot;
    (void)request;
    ((connection *)context)->is_done = 1;
    return 0;
}

static void *run_engine(void *unused) {
    (void)unused;
    CHECK(lamina_engine_run(engine, 0) == 0);
    return 0;
}

// While this routine runs, the second connection's completion is due, and no other thread may run it.
static lamina_status meet(lamina_slot *slot, lamina_request *request, void *context) {
    pthread_t other;
    CHECK_STATUS(lamina_wait_send(second.client, "2", 1, 0, 0, &error), 1);
    CHECK(pthread_create(&other, 0, run_engine, 0) == 0 && pthread_join(other, 0) == 0);
    CHECK(!second.is_done);
    return note(slot, request, context);
}

static void one_at_a_time(void) {
    open_connection(&first, meet);
    open_connection(&second, note);
    CHECK_STATUS(lamina_wait_send(first.client, "1", 1, 0, 0, &error), 1);
    while (!first.is_done || !second.is_done) {
        struct pollfd waiting = {lamina_engine_descriptor(engine), POLLIN, 0};
        CHECK(poll(&waiting, 1, 20000) == 1);
        CHECK(lamina_engine_run(engine, 0) >= 0);
    }
    close_connection(&first);
    close_connection(&second);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    pthread_t threads[2 * THREADS];
    CHECK_STATUS(lamina_engine_open(&engine, &error), 0);
    chain = open_chain(arguments, engine);
    listener = open_listener(chain);
    port = port_of(listener);
    one_at_a_time();
    for (int index = 0; index < 2 * THREADS; index++) {
        CHECK(pthread_create(&threads[index], 0, index % 2 ? call : serve, 0) == 0);
    }
    for (int index = 0; index < 2 * THREADS; index++) CHECK(pthread_join(threads[index], 0) == 0);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
    lamina_chain_close(chain);
    lamina_engine_close(engine);
    puts("done");
    return 0;
}
