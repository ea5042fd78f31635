// A program that forks while its sockets are open, requests pend, and other threads are at work.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "pairs.h"

enum { CHILDREN = 40 };

// Seen by every process.
static struct { tally in_parent, in_child; } *completions;
static pid_t parent;
static uint32_t is_over;

static void echo(pair open) {
    char bytes[4];
    const int64_t deadline = lamina_deadline_after_ms(PATIENCE);
    CHECK_STATUS(lamina_wait_send(open.client, "echo", 4, 0, deadline, &error), 4);
    CHECK_STATUS(lamina_wait_receive(open.server, bytes, 4, LAMINA_RECEIVE_WAIT_ALL, deadline, &error), 4);
    CHECK(memcmp(bytes, "echo", 4) == 0);
}

static lamina_status completed(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot, (void)request, (void)context;
    note(getpid() == parent ? &completions->in_parent : &completions->in_child);
    return 0;
}

static void finish(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Echoes until the program is over.
static void *work(void *chain) {
    const pair own = connect_pair(chain);
    while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST)) {
        echo(own);
        close_pair(connect_pair(chain));
    }
    close_pair(own);
    return 0;
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    parent = getpid();
    completions = mmap(0, sizeof *completions, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(completions != MAP_FAILED);
    CHECK(sem_init(&completions->in_parent.each, 1, 0) == 0 && sem_init(&completions->in_child.each, 1, 0) == 0);
    lamina_chain *chain = 0, *memory = 0;
    CHECK_STATUS(lamina_chain_open(0, 0, arguments[1], 0, 0, &chain, &error), 0);
    CHECK_STATUS(lamina_chain_open(0, 0, arguments[2], 0, 0, &memory, &error), 0);

    // A receive pends, another connection is idle, a third can't be shared.
    const pair pending = connect_pair(chain), idle = connect_pair(chain), alone = connect_pair(memory);
    lamina_request request;
    char byte = 0;
    const lamina_buffer room = {&byte, 1};
    lamina_request_prepare(&request, completed, 0);
    CHECK(lamina_socket_receive(pending.server, &room, 1, 0, &request) == LAMINA_PENDING);
    pid_t child = fork();
    if (!child) {
        // The parent's receive is the parent's; this process may receive on the same socket.
        CHECK_STATUS(
            lamina_wait_receive(pending.server, &byte, 1, 0, lamina_deadline_after_ms(20), &error), -ETIMEDOUT);
        echo(idle);
        // Completions of this process come on an engine of its own.
        const pair own = connect_pair(chain);
        lamina_request mine;
        lamina_request_prepare(&mine, completed, 0);
        CHECK(lamina_socket_receive(own.server, &room, 1, 0, &mine) == LAMINA_PENDING);
        CHECK_STATUS(lamina_wait_send(own.client, "x", 1, 0, 0, &error), 1);
        await(&completions->in_child);
        CHECK(mine.status == 0 && mine.bytes == 1);
        close_pair(own);
        CHECK_STATUS(lamina_wait_send(alone.client, "x", 1, 0, 0, &error), -ESTALE);
        CHECK_STATUS(lamina_wait_accept(alone.listener, &(lamina_socket){0, 0}, 0, 0, &error), -ESTALE);
        close_pair(alone);
        close_pair(connect_pair(memory));
        close_pair(pending);
        close_pair(idle);
        _exit(0);
    }
    CHECK(child > 0);
    finish(child);
    CHECK(__atomic_load_n(&completions->in_parent.count, __ATOMIC_SEQ_CST) == 0);
    CHECK_STATUS(lamina_wait_send(pending.client, "x", 1, 0, 0, &error), 1);
    await(&completions->in_parent);
    CHECK(request.status == 0 && request.bytes == 1 && byte == 'x');
    CHECK(completions->in_child.count == 1);
    echo(alone);

    // Forks while two threads are inside everything, none of it for the first time: what Swift's run time makes at its
    // first use stands under locks that only it knows.
    close_pair(connect_pair(chain));
    close_pair(connect_pair(memory));
    pthread_t workers[2];
    CHECK(pthread_create(&workers[0], 0, work, chain) == 0);
    CHECK(pthread_create(&workers[1], 0, work, memory) == 0);
    for (int number = 0; number < CHILDREN; number++) {
        child = fork();
        if (!child) {
            alarm(PATIENCE / 1000);
            echo(idle);
            close_pair(connect_pair(chain));
            close_pair(connect_pair(memory));
            _exit(0);
        }
        finish(child);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_SEQ_CST);
    for (int number = 0; number < 2; number++) CHECK(pthread_join(workers[number], 0) == 0);
    close_pair(pending);
    close_pair(idle);
    close_pair(alone);
    puts("done");
    return 0;
}
