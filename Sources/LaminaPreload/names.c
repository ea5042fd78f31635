// getaddrinfo: the worker resolves the name, libc builds the list from the numeric addresses, so that libc's own
// freeaddrinfo frees it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int is_numeric(const char *node) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_aton(node, &four) || inet_pton(AF_INET6, node, &six) == 1) return 1;
    // An IPv6 address with a scope.
    const char *scope = strchr(node, '%');
    char bare[INET6_ADDRSTRLEN];
    if (!scope || (size_t)(scope - node) >= sizeof bare) return 0;
    memcpy(bare, node, (size_t)(scope - node));
    bare[scope - node] = 0;
    return inet_pton(AF_INET6, bare, &six) == 1;
}

// Builds the entries of one address and appends them.
static int append(resolver libc, const lamina_run_address *address, const char *service, const struct addrinfo *hints,
    struct addrinfo ***end) {
    char text[INET6_ADDRSTRLEN];
    const void *bytes = address->storage.any.sa_family == AF_INET ? (const void *)&address->storage.ipv4.sin_addr
                                                                 : (const void *)&address->storage.ipv6.sin6_addr;
    if (!inet_ntop(address->storage.any.sa_family, bytes, text, sizeof text)) return EAI_FAIL;
    int status = libc(text, service, hints, *end);
    if (status) return status;
    for (; **end; *end = &(**end)->ai_next) {
        if ((**end)->ai_family == AF_INET6 && address->storage.any.sa_family == AF_INET6) {
            ((struct sockaddr_in6 *)(**end)->ai_addr)->sin6_scope_id = address->storage.ipv6.sin6_scope_id;
        }
    }
    return 0;
}

// The wildcard or loopback addresses, a family at a time: of several, libc's order is found with UDP sockets, which
// the guard refuses. The order is the one that it finds.
static int no_node(resolver libc, const char *service, const struct addrinfo *hints, struct addrinfo **results) {
    static const int orders[2][2] = {{AF_INET6, AF_INET}, {AF_INET, AF_INET6}};
    struct addrinfo wanted = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    if (hints) wanted = *hints;
    if (wanted.ai_family != AF_UNSPEC) return libc(0, service, &wanted, results);
    struct addrinfo *list = 0, **end = &list;
    int status = 0;
    for (int i = 0; i < 2; i++) {
        wanted.ai_family = orders[(wanted.ai_flags & AI_PASSIVE) != 0][i];
        status = libc(0, service, &wanted, end);
        while (!status && *end) end = &(*end)->ai_next;
    }
    if (!list) return status;
    *results = list;
    return 0;
}

// What an answer says: 0 or an EAI_… code.
static int hear(long result, lamina_run_names *names) {
    if (result < 0) {
        errno = (int)-result;
        names->host_error = NETDB_INTERNAL;
        return EAI_SYSTEM;
    }
    names->canonical[sizeof names->canonical - 1] = 0;
    if (names->status == EAI_SYSTEM) errno = names->error;
    return names->status;
}

int ask_name_of(const run *run, const struct sockaddr *address, socklen_t length, int flags, lamina_run_names *names) {
    lamina_run_request request;
    prepare(&request, run, LAMINA_RUN_REVERSE);
    request.destination.length = length < sizeof request.destination.storage
        ? length : sizeof request.destination.storage;
    memcpy(&request.destination.storage, address, request.destination.length);
    request.flags = flags;
    return hear(ask(run, &request, names, sizeof *names), names);
}

int ask_names(const run *run, const char *node, const struct addrinfo *hints, lamina_run_names *names) {
    lamina_run_request request;
    size_t length = strlen(node);
    if (length >= sizeof request.name) {
        names->host_error = HOST_NOT_FOUND;
        return EAI_NONAME;
    }
    prepare(&request, run, LAMINA_RUN_RESOLVE);
    memcpy(request.name, node, length + 1);
    request.family = hints->ai_family;
    request.flags = hints->ai_flags;
    return hear(ask(run, &request, names, sizeof *names), names);
}

__attribute__((visibility("default"))) int getaddrinfo(
    const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **results) {
    resolver libc = (resolver)dlsym(RTLD_NEXT, "getaddrinfo");
    if (!libc) return EAI_FAIL;
    const run *run = current_run();
    if (run->known && !node) return no_node(libc, service, hints, results);
    if (!run->known || (hints && (hints->ai_flags & AI_NUMERICHOST)) || is_numeric(node)) {
        return libc(node, service, hints, results);
    }
    struct addrinfo wanted = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    if (hints) {
        wanted = *hints;
    }
    // The service and the hints are judged first, by libc.
    struct addrinfo *list = 0;
    struct addrinfo plain = wanted;
    plain.ai_flags &= ~(AI_CANONNAME | AI_ADDRCONFIG);
    plain.ai_flags |= AI_NUMERICHOST;
    int status = libc(wanted.ai_family == AF_INET6 ? "::1" : "127.0.0.1", service, &plain, &list);
    if (status) return status;
    freeaddrinfo(list);
    list = 0;

    lamina_run_names names;
    status = ask_names(run, node, &wanted, &names);
    if (status) return status;

    struct addrinfo **end = &list;
    for (uint32_t i = 0; i < names.count && i < LAMINA_RUN_ADDRESSES && !status; i++) {
        status = append(libc, &names.addresses[i], service, &plain, &end);
    }
    if (!status && (wanted.ai_flags & AI_CANONNAME) && list) {
        char *name = strdup(names.canonical[0] ? names.canonical : node);
        if (name) {
            free(list->ai_canonname);
            list->ai_canonname = name;
        } else {
            status = EAI_MEMORY;
        }
    }
    if (status) {
        if (list) freeaddrinfo(list);
        return status;
    }
    *results = list;
    return 0;
}
