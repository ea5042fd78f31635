// A program with signal handlers on a stack of its own, which opens, uses and closes sockets of a chain from the
// installed catalog, and then finds everything as it was. `handlers LAYER…`.
#include <errno.h>
#include <lamina.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int numbers[] = {SIGSEGV, SIGILL, SIGBUS, SIGPIPE, SIGUSR1};
enum { NUMBERS = sizeof numbers / sizeof *numbers, STACK = 1 << 16 };

static char *stack;
static volatile sig_atomic_t taken[65], elsewhere;

static void handle(int number, siginfo_t *info, void *context) {
    char here;
    (void)context;
    taken[number]++;
    elsewhere |= &here < stack || &here >= stack + STACK || info->si_code != SI_USER;
}

static void fail(const char *what, const lamina_error *error) {
    fprintf(stderr, "%s: %s\n", what, error ? error->message : "changed");
    exit(1);
}

static void install(void) {
    stack = malloc(STACK);
    const stack_t own = {.ss_sp = stack, .ss_size = STACK};
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigaddset(&action.sa_mask, SIGUSR2);
    if (sigaltstack(&own, 0)) fail("sigaltstack", 0);
    for (int i = 0; i < NUMBERS; i++) {
        if (sigaction(numbers[i], &action, 0)) fail("sigaction", 0);
    }
}

static void compare(void) {
    stack_t now;
    if (sigaltstack(0, &now) || now.ss_sp != stack || now.ss_size != STACK || now.ss_flags) fail("the stack", 0);
    for (int i = 0; i < NUMBERS; i++) {
        struct sigaction action;
        // SA_RESTORER is the C library's.
        if (sigaction(numbers[i], 0, &action) || action.sa_sigaction != handle || !sigismember(&action.sa_mask, SIGUSR2)
            || (action.sa_flags & ~0x04000000) != (SA_SIGINFO | SA_ONSTACK | SA_RESTART)) {
            fail("a handler", 0);
        }
        const int before = taken[numbers[i]];
        kill(getpid(), numbers[i]);
        if (taken[numbers[i]] != before + 1 || elsewhere) fail("a signal", 0);
    }
}

// An echo over loopback, and a send to a peer that is gone.
static void use(lamina_chain *chain) {
    lamina_error error = {0};
    lamina_socket listener, client, server;
    lamina_address address;
    char bytes[8] = "";
    int64_t soon = lamina_deadline_after_ms(20000);
    if (lamina_address_parse("127.0.0.1:0", &address, &error)
        || lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, LAMINA_LISTEN, &listener, &error)
        || lamina_wait_bind(listener, &address, soon, &error) || lamina_wait_listen(listener, 1, soon, &error)
        || lamina_wait_local_address(listener, &address, soon, &error)
        || lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, LAMINA_CONNECTION, &client, &error)
        || lamina_wait_connect(client, &address, soon, &error)
        || lamina_wait_accept(listener, &server, 0, soon, &error)
        || lamina_wait_send(client, "hello", 5, 0, soon, &error) != 5
        || lamina_wait_receive(server, bytes, sizeof bytes, 0, soon, &error) != 5 || strcmp(bytes, "hello")
        || lamina_wait_disconnect(server, LAMINA_DISCONNECT_ABORTIVE, soon, &error)
        || lamina_wait_close(server, &error)) {
        fail("a call", &error);
    }
    // The second failure would raise SIGPIPE.
    for (int failed = 0; failed < 2; failed += lamina_wait_send(client, "x", 1, 0, soon, &error) < 0) {}
    if (error.status != -EPIPE) fail("a send", &error);
    if (lamina_wait_close(client, &error) || lamina_wait_close(listener, &error)) fail("close", &error);
}

int main(int count, char **arguments) {
    lamina_chain *chain;
    lamina_error error = {0};
    install();
    if (lamina_chain_open((const char *const *)arguments + 1, (size_t)count - 1, 0, 0, 0, &chain, &error)) {
        fail("the chain", &error);
    }
    compare();
    use(chain);
    if (taken[SIGPIPE] != 1) fail("SIGPIPE", 0);
    compare();
    lamina_chain_close(chain);
    puts("unchanged");
    return 0;
}
