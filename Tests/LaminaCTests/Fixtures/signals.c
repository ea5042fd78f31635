// The program's signal handlers, mask and alternate stack stay its own.
#include <signal.h>

#include "check.h"

static void handle(int number) { (void)number; }

static struct sigaction actions[65];

// SA_RESTORER, which the C library adds whenever it sets a handler.
static int flags(const struct sigaction *action) { return action->sa_flags & ~0x04000000; }

static void compare(void) {
    for (int number = 1; number <= 64; number++) {
        struct sigaction now;
        if (sigaction(number, 0, &now) != 0) continue;
        CHECK(now.sa_handler == actions[number].sa_handler && flags(&now) == flags(&actions[number]));
    }
    stack_t stack;
    sigset_t mask;
    CHECK(sigaltstack(0, &stack) == 0 && (stack.ss_flags & SS_DISABLE));
    CHECK(sigprocmask(SIG_SETMASK, 0, &mask) == 0 && !sigismember(&mask, SIGUSR1));
}

// Before main, nothing but the loader and the constructors of liblamina have run.
int main(int count, char **arguments) {
    CHECK(count == 3);
    struct sigaction first;
    for (int number = 1; number <= 64; number++) {
        if (sigaction(number, 0, &first) == 0) CHECK(first.sa_handler == SIG_DFL || first.sa_handler == SIG_IGN);
    }
    signal(SIGUSR1, handle);
    signal(SIGSEGV, handle);
    for (int number = 1; number <= 64; number++) sigaction(number, 0, &actions[number]);
    lamina_chain *chain = open_chain(arguments, 0);
    compare();
    const lamina_socket listener = open_listener(chain);
    lamina_socket socket;
    CHECK_STATUS(lamina_wait_accept(listener, &socket, 0, lamina_deadline_after_ms(1), &error), -ETIMEDOUT);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
    lamina_chain_close(chain);
    compare();
    puts("done");
    return 0;
}
