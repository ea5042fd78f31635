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
typedef int (*libc_reverse)(
    const void *, socklen_t, int, struct hostent *, char *, size_t, struct hostent **, int *);

// Takes `count` bytes from the caller's buffer, aligned for pointers; null when it is too small.
static void *take(char **buffer, size_t *length, size_t count) {
    size_t skip = (size_t)(-(uintptr_t)*buffer & (sizeof(void *) - 1));
    if (*length < skip || *length - skip < count) return 0;
    void *taken = *buffer + skip;
    *buffer += skip + count;
    *length -= skip + count;
    return taken;
}

// The addresses of an answer, one after another.
typedef struct addresses {
    int family;
    uint32_t count;
    const void *(*at)(const void *context, uint32_t index);
    const void *context;
} addresses;

static int fill(const addresses *from, const char *canonical, struct hostent *host, char *buffer, size_t length) {
    size_t width = from->family == AF_INET ? 4 : 16;
    char **aliases = take(&buffer, &length, sizeof *aliases);
    char **list = take(&buffer, &length, (from->count + 1) * sizeof *list);
    char *name = take(&buffer, &length, strlen(canonical) + 1);
    if (!aliases || !list || !name) return ERANGE;
    strcpy(name, canonical);
    *aliases = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        const void *found = from->at(from->context, i);
        if (!found) continue;
        char *bytes = take(&buffer, &length, width);
        if (!bytes) return ERANGE;
        memcpy(bytes, found, width);
        list[count++] = bytes;
    }
    list[count] = 0;
    *host = (struct hostent){.h_name = name,
        .h_aliases = aliases,
        .h_addrtype = from->family,
        .h_length = (int)width,
        .h_addr_list = list};
    return count ? 0 : ENOENT;
}

static const void *of_family(const lamina_run_names *names, uint32_t index, int family) {
    const lamina_run_address *address = &names->addresses[index];
    if (address->storage.any.sa_family != family) return 0;
    return family == AF_INET ? (const void *)&address->storage.ipv4.sin_addr
                             : (const void *)&address->storage.ipv6.sin6_addr;
}

static const void *four_at(const void *names, uint32_t index) { return of_family(names, index, AF_INET); }
static const void *six_at(const void *names, uint32_t index) { return of_family(names, index, AF_INET6); }
static const void *itself(const void *address, uint32_t index) { return index ? 0 : address; }

// What the _r forms answer for a look-up that found nothing: as libc, 0 where it is certain.
static int nothing(int status, const lamina_run_names *names, int *error) {
    int saved = errno;
    *error = status ? names->host_error : NO_DATA;
    switch (*error) {
    case NETDB_INTERNAL: return saved ? saved : EIO;
    case TRY_AGAIN: return EAGAIN;
    case NO_RECOVERY: return EIO;
    default: return 0;
    }
}

static int finish(int filled, int status, const lamina_run_names *names, struct hostent *host,
    struct hostent **result, int *error) {
    if (!status && !filled) {
        *result = host;
        *error = NETDB_SUCCESS;
        return 0;
    }
    if (!status && filled == ERANGE) {
        *error = NETDB_INTERNAL;
        errno = ERANGE;
        return ERANGE;
    }
    int failed = nothing(status, names, error);
    // As libc does; some callers look nowhere else.
    h_errno = *error;
    if (failed) errno = failed;
    return failed;
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
    uint32_t count = status ? 0 : names.count < LAMINA_RUN_ADDRESSES ? names.count : LAMINA_RUN_ADDRESSES;
    addresses found = {family, count, family == AF_INET ? four_at : six_at, &names};
    int filled = status ? 0 : fill(&found, names.canonical[0] ? names.canonical : node, host, buffer, length);
    return finish(filled, status, &names, host, result, error);
}

EXPORT int gethostbyname_r(const char *node, struct hostent *host, char *buffer, size_t length,
    struct hostent **result, int *error) {
    return gethostbyname2_r(node, AF_INET, host, buffer, length, result, error);
}

EXPORT int gethostbyaddr_r(const void *address, socklen_t width, int family, struct hostent *host, char *buffer,
    size_t length, struct hostent **result, int *error) {
    const run *run = current_run();
    *result = 0;
    if (!run->known || (family != AF_INET && family != AF_INET6) || width != (family == AF_INET ? 4 : 16)) {
        libc_reverse libc = (libc_reverse)dlsym(RTLD_NEXT, "gethostbyaddr_r");
        if (libc) return libc(address, width, family, host, buffer, length, result, error);
        *error = NO_RECOVERY;
        return ENOSYS;
    }
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    memcpy(family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr, address, width);
    lamina_run_names names;
    int status = family == AF_INET ? ask_name_of(run, (void *)&four, sizeof four, NI_NAMEREQD, &names)
                                   : ask_name_of(run, (void *)&six, sizeof six, NI_NAMEREQD, &names);
    addresses found = {family, 1, itself, address};
    int filled = status ? 0 : fill(&found, names.canonical, host, buffer, length);
    return finish(filled, status, &names, host, result, error);
}

// One answer a process, as in libc.
static struct hostent only;
static char only_buffer[4096];

static struct hostent *answered(int failed, struct hostent *result, int error) {
    if (failed) errno = failed;
    if (!result) h_errno = error;
    return result;
}

EXPORT struct hostent *gethostbyaddr(const void *address, socklen_t width, int family) {
    struct hostent *result;
    int error = 0;
    int failed = gethostbyaddr_r(address, width, family, &only, only_buffer, sizeof only_buffer, &result, &error);
    return answered(failed, result, error);
}

EXPORT struct hostent *gethostbyname2(const char *node, int family) {
    struct hostent *result;
    int error = 0;
    int failed = gethostbyname2_r(node, family, &only, only_buffer, sizeof only_buffer, &result, &error);
    return answered(failed, result, error);
}

EXPORT struct hostent *gethostbyname(const char *node) { return gethostbyname2(node, AF_INET); }
