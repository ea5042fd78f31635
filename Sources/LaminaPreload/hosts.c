// gethostbyname and its kin, over the worker's answer. Aliases are not known there, and the list of them is empty.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "run.h"

typedef int (*libc_lookup)(
    const char *, int, struct hostent *, char *, size_t, struct hostent **, int *);

static int host_error(int status) {
    switch (status) {
    case EAI_AGAIN: return TRY_AGAIN;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return HOST_NOT_FOUND;
    default: return NO_RECOVERY;
    }
}

// Takes `count` bytes from the caller's buffer, aligned for pointers; null when it is too small.
static void *take(char **buffer, size_t *length, size_t count) {
    size_t skip = (size_t)(-(uintptr_t)*buffer & (sizeof(void *) - 1));
    if (*length < skip || *length - skip < count) return 0;
    void *taken = *buffer + skip;
    *buffer += skip + count;
    *length -= skip + count;
    return taken;
}

static int fill(const lamina_run_names *names, const char *node, int family, struct hostent *host, char *buffer,
    size_t length) {
    size_t width = family == AF_INET ? 4 : 16;
    const char *canonical = names->canonical[0] ? names->canonical : node;
    char **aliases = take(&buffer, &length, sizeof *aliases);
    char **list = take(&buffer, &length, (names->count + 1) * sizeof *list);
    char *name = take(&buffer, &length, strlen(canonical) + 1);
    if (!aliases || !list || !name) return ERANGE;
    strcpy(name, canonical);
    *aliases = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < names->count && i < LAMINA_RUN_ADDRESSES; i++) {
        const lamina_run_address *address = &names->addresses[i];
        if (address->storage.any.sa_family != family) continue;
        char *bytes = take(&buffer, &length, width);
        if (!bytes) return ERANGE;
        memcpy(bytes, family == AF_INET ? (const void *)&address->storage.ipv4.sin_addr
                                        : (const void *)&address->storage.ipv6.sin6_addr, width);
        list[count++] = bytes;
    }
    list[count] = 0;
    *host = (struct hostent){
        .h_name = name, .h_aliases = aliases, .h_addrtype = family, .h_length = (int)width, .h_addr_list = list};
    return count ? 0 : ENOENT;
}

#define EXPORT __attribute__((visibility("default")))

EXPORT int gethostbyname2_r(const char *node, int family, struct hostent *host, char *buffer, size_t length,
    struct hostent **result, int *error) {
    const run *run = current_run();
    *result = 0;
    if (!run->known || is_numeric(node) || (family != AF_INET && family != AF_INET6)) {
        libc_lookup libc = (libc_lookup)dlsym(RTLD_NEXT, "gethostbyname2_r");
        if (libc) return libc(node, family, host, buffer, length, result, error);
        *error = NO_RECOVERY;
        return ENOSYS;
    }
    struct addrinfo hints = {.ai_family = family, .ai_flags = AI_CANONNAME};
    lamina_run_names names;
    int status = ask_names(run, node, &hints, &names);
    if (status == EAI_SYSTEM) {
        *error = NETDB_INTERNAL;
        return errno;
    }
    int filled = status ? ENOENT : fill(&names, node, family, host, buffer, length);
    if (filled == 0) {
        *result = host;
        *error = NETDB_SUCCESS;
        return 0;
    }
    *error = filled == ERANGE ? NETDB_INTERNAL : status ? host_error(status) : NO_DATA;
    return filled == ERANGE ? ERANGE : 0;
}

EXPORT int gethostbyname_r(const char *node, struct hostent *host, char *buffer, size_t length,
    struct hostent **result, int *error) {
    return gethostbyname2_r(node, AF_INET, host, buffer, length, result, error);
}

// One answer a process, as in libc.
EXPORT struct hostent *gethostbyname2(const char *node, int family) {
    static struct hostent host;
    static char buffer[4096];
    struct hostent *result;
    int error = 0;
    int failed = gethostbyname2_r(node, family, &host, buffer, sizeof buffer, &result, &error);
    if (failed) errno = failed;
    if (!result) h_errno = error;
    return result;
}

EXPORT struct hostent *gethostbyname(const char *node) { return gethostbyname2(node, AF_INET); }
