// A program whose requests complete on the threads of the shared engine, as many as the second argument says (0: any
// number), and in children that fork beside those threads and on one of them.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pairs.h"

enum { PAIRS = 12, ROUNDS = 20 };

typedef struct receiver {
    lamina_request request;
    pair sockets;
    // Sometimes one more, so that what is counted doesn't always have the same place among the sockets.
    lamina_socket other;
    // The one thread that completes; 0 before the first completion.
    long thread;
    tally completed;
    char byte;
} receiver;

static lamina_chain *chain;
static uint32_t expected;
static uint32_t *is_child_done;

static lamina_status completed(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot;
    receiver *own = context;
    const long thread = syscall(SYS_gettid);
    CHECK(request->status == 0 && request->bytes == 1);
    CHECK(own->thread == 0 || own->thread == thread);
    own->thread = thread;
    note(&own->completed);
    return 0;
}

static void begin(receiver *own) {
    *own = (receiver){.sockets = connect_pair(chain)};
    CHECK(sem_init(&own->completed.each, 0, 0) == 0);
}

static void receive(receiver *own, lamina_completion completion) {
    const lamina_buffer room = {&own->byte, 1};
    lamina_request_prepare(&own->request, completion, own);
    CHECK(lamina_socket_receive(own->sockets.server, &room, 1, 0, &own->request) == LAMINA_PENDING);
}

static void send_byte(receiver *own) {
    CHECK_STATUS(lamina_wait_send(own->sockets.client, "x", 1, 0, 0, &error), 1);
}

// Lets every socket complete again and again, and counts the threads.
static void use_threads(void) {
    static receiver receivers[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        begin(&receivers[i]);
        if (i % 2) receivers[i].other = open_socket(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PAIRS; i++) receive(&receivers[i], completed);
        for (int i = 0; i < PAIRS; i++) send_byte(&receivers[i]);
        for (int i = 0; i < PAIRS; i++) await(&receivers[i].completed);
    }
    uint32_t threads = 0;
    for (int i = 0; i < PAIRS; i++) {
        int is_new = 1;
        for (int j = 0; j < i; j++) is_new &= receivers[i].thread != receivers[j].thread;
        threads += is_new;
    }
    CHECK(expected ? threads == expected : threads > 0);
    for (int i = 0; i < PAIRS; i++) {
        close_pair(receivers[i].sockets);
        if (i % 2) CHECK_STATUS(lamina_wait_close(receivers[i].other, &error), 0);
    }
}

static void *be_child(void *unused) {
    (void)unused;
    use_threads();
    __atomic_store_n(is_child_done, 1, __ATOMIC_SEQ_CST);
    _exit(0);
}

static lamina_status fork_here(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request;
    receiver *own = context;
    const pid_t child = fork();
    if (!child) {
        alarm(PATIENCE / 1000);
        pthread_t thread;
        CHECK(pthread_create(&thread, 0, be_child, 0) == 0);
        return 0;
    }
    CHECK(child > 0);
    own->thread = child;
    note(&own->completed);
    return 0;
}

static void finish(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    expected = (uint32_t)atoi(arguments[2]);
    is_child_done = mmap(0, sizeof *is_child_done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(is_child_done != MAP_FAILED);
    CHECK_STATUS(lamina_chain_open(0, 0, arguments[1], 0, 0, &chain, &error), 0);
    use_threads();

    // With watches and requests of the parent's on every thread.
    static receiver pending[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        begin(&pending[i]);
        receive(&pending[i], completed);
    }
    const pid_t child = fork();
    if (!child) {
        alarm(PATIENCE / 1000);
        use_threads();
        for (int i = 0; i < PAIRS; i++) close_pair(pending[i].sockets);
        _exit(0);
    }
    CHECK(child > 0);
    finish(child);
    for (int i = 0; i < PAIRS; i++) CHECK(__atomic_load_n(&pending[i].completed.count, __ATOMIC_SEQ_CST) == 0);
    for (int i = 0; i < PAIRS; i++) send_byte(&pending[i]);
    for (int i = 0; i < PAIRS; i++) await(&pending[i].completed);

    // On an engine's thread.
    static receiver forking;
    CHECK(sem_init(&forking.completed.each, 0, 0) == 0);
    forking.sockets = pending[0].sockets;
    receive(&forking, fork_here);
    send_byte(&forking);
    await(&forking.completed);
    finish((pid_t)forking.thread);
    CHECK(__atomic_load_n(is_child_done, __ATOMIC_SEQ_CST) == 1);
    for (int i = 0; i < PAIRS; i++) close_pair(pending[i].sockets);
    use_threads();
    puts("done");
    return 0;
}
