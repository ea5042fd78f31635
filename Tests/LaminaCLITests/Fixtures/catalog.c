// Prints whether it runs with more rights than its caller, the names in its catalog, and the levels that its policy gives.
#include <lamina.h>
#include <stdio.h>
#include <sys/auxv.h>

int main(void) {
    lamina_catalog *catalog;
    lamina_error error = {0};
    printf("secure %lu\n", getauxval(AT_SECURE));
    if (lamina_catalog_open(0, 0, &catalog, &error)) return fprintf(stderr, "%s\n", error.message) > 0;
    for (size_t i = 0; i < lamina_catalog_count(catalog); i++) {
        lamina_catalog_entry entry = {0};
        if (lamina_catalog_entry_at(catalog, i, &entry) == 0) printf("entry %s\n", entry.name);
    }
    lamina_catalog_close(catalog);
    lamina_chain *chain;
    if (lamina_chain_of_program(0, 0, &chain, &error)) return fprintf(stderr, "%s\n", error.message) > 0;
    fputs("chain", stdout);
    for (size_t i = 0; lamina_chain_label(chain, i); i++) printf(" %s", lamina_chain_label(chain, i));
    puts("");
    lamina_chain_close(chain);
    return 0;
}
