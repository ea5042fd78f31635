// Threads that all wait on sockets of one engine that the program runs, and run it by turns.
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 200 };

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

int main(int count, char **arguments) {
    CHECK(count == 3);
    lamina_engine *engine;
    pthread_t threads[2 * THREADS];
    CHECK_STATUS(lamina_engine_open(&engine, &error), 0);
    chain = open_chain(arguments, engine);
    lamina_engine_close(engine);
    listener = open_listener(chain);
    port = port_of(listener);
    for (int index = 0; index < 2 * THREADS; index++) {
        CHECK(pthread_create(&threads[index], 0, index % 2 ? call : serve, 0) == 0);
    }
    for (int index = 0; index < 2 * THREADS; index++) CHECK(pthread_join(threads[index], 0) == 0);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
