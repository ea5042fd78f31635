// What every test program starts from: checks that end it, and the chain that its arguments name.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lamina.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

#define CHECK_STATUS(call, expected)                                                                                   \
    do {                                                                                                               \
        const long answered = (long)(call);                                                                            \
        if (answered != (long)(expected)) {                                                                            \
            fprintf(stderr, "%s:%d: %s answered %ld: %s\n", __FILE__, __LINE__, #call, answered, error.message);       \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static __thread lamina_error error;

// The layer in `arguments[2]` over the base in `arguments[1]`.
static inline lamina_chain *open_chain(char **arguments, lamina_engine *engine) {
    const char *layers[] = {arguments[2]};
    lamina_chain *chain = 0;
    CHECK_STATUS(lamina_chain_open(layers, 1, arguments[1], 0, engine, &chain, &error), 0);
    return chain;
}

static inline lamina_socket open_socket(lamina_chain *chain, int type, uint32_t category) {
    lamina_socket socket = {0, 0};
    CHECK_STATUS(lamina_wait_open(chain, AF_INET, type, 0, category, &socket, &error), 0);
    return socket;
}

static inline lamina_address loopback(uint16_t port) {
    lamina_address address;
    char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    CHECK_STATUS(lamina_address_parse(text, &address, &error), 0);
    return address;
}

static inline uint16_t port_of(lamina_socket socket) {
    lamina_address address;
    CHECK_STATUS(lamina_wait_local_address(socket, &address, 0, &error), 0);
    return ntohs(address.storage.ipv4.sin_port);
}

static inline lamina_socket open_listener(lamina_chain *chain) {
    const lamina_socket listener = open_socket(chain, SOCK_STREAM, LAMINA_LISTEN);
    const lamina_address address = loopback(0);
    CHECK_STATUS(lamina_wait_bind(listener, &address, 0, &error), 0);
    CHECK_STATUS(lamina_wait_listen(listener, 8, 0, &error), 0);
    return listener;
}
