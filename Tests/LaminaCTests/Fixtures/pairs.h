// Connections over loopback, and counters that other threads and processes move.
#include "check.h"

enum { PATIENCE = 10000 };

typedef struct pair { lamina_socket listener, client, server; } pair;

static inline pair connect_pair(lamina_chain *chain) {
    pair made;
    made.listener = open_listener(chain);
    const lamina_address address = loopback(port_of(made.listener));
    made.client = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    CHECK_STATUS(lamina_wait_connect(made.client, &address, lamina_deadline_after_ms(PATIENCE), &error), 0);
    CHECK_STATUS(lamina_wait_accept(made.listener, &made.server, 0, lamina_deadline_after_ms(PATIENCE), &error), 0);
    return made;
}

static inline void close_pair(pair open) {
    CHECK_STATUS(lamina_wait_close(open.client, &error), 0);
    CHECK_STATUS(lamina_wait_close(open.server, &error), 0);
    CHECK_STATUS(lamina_wait_close(open.listener, &error), 0);
}

static inline void await(uint32_t *counter, uint32_t count) {
    for (int rounds = 0; __atomic_load_n(counter, __ATOMIC_SEQ_CST) < count; rounds++) {
        CHECK(rounds < PATIENCE);
        usleep(1000);
    }
}
