// Loads liblamina by itself, and then a module that is linked to it, when the program runs already; uses it on two
// threads. Arguments: base, layer, liblamina, module.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int (*use)(char **arguments);

static void *run(void *arguments) { return use((char **)arguments) == 0 ? arguments : 0; }

int main(int count, char **arguments) {
    if (count != 5) return 2;
    void *library = dlopen(arguments[3], RTLD_NOW | RTLD_LOCAL);
    void *module = library ? dlopen(arguments[4], RTLD_NOW | RTLD_LOCAL) : 0;
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "lamina_version");
    use = (int (*)(char **))dlsym(module, "use_lamina");
    if (!version || !version()[0] || !use) return 1;
    pthread_t thread;
    void *result = 0;
    if (pthread_create(&thread, 0, run, arguments) != 0 || pthread_join(thread, &result) != 0 || !result) return 1;
    if (!run(arguments)) return 1;
    puts("done");
    return 0;
}
