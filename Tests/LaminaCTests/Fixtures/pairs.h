// Connections over loopback, and counters that other threads and processes move.
#include <semaphore.h>
#include <time.h>

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

// How often something has happened, and one post for each time.
typedef struct tally {
    uint32_t count;
    sem_t each;
} tally;

static inline void note(tally *tally) {
    __atomic_add_fetch(&tally->count, 1, __ATOMIC_SEQ_CST);
    CHECK(sem_post(&tally->each) == 0);
}

static inline void await(tally *tally) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE / 1000;
    CHECK(sem_timedwait(&tally->each, &until) == 0);
}
