// Prints whether it runs with more rights than its caller, and the names in its catalog.
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
    return 0;
}
