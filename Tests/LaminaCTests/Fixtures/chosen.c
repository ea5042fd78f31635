// Chains that have a name, and the one that a policy gives this program.
#include "check.h"

int main(void) {
    lamina_chain *chain;
    CHECK_STATUS(lamina_chain_named("web", 0, 0, &chain, &error), 0);
    CHECK(strcmp(lamina_chain_label(chain, 0), "named") == 0 && strcmp(lamina_chain_label(chain, 1), "kernel") == 0);
    lamina_chain_close(chain);
    CHECK_STATUS(lamina_chain_of_program(0, 0, &chain, &error), 0);
    CHECK(strcmp(lamina_chain_label(chain, 0), "policed") == 0);
    lamina_chain_close(chain);
    CHECK(lamina_chain_named("wbe", 0, 0, &chain, &error) < 0 && error.code == LAMINA_ERROR_NOT_FOUND);
    CHECK(strstr(error.message, "did you mean \"web\"?"));
    CHECK(lamina_chain_named(0, 0, 0, &chain, 0) == -EINVAL && lamina_chain_of_program(0, 0, 0, 0) == -EINVAL);
    puts("done");
    return 0;
}
