// getnameinfo: the worker names the address; libc judges flags and lengths, and writes numbers and services.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "run.h"

typedef int (*namer)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);

__attribute__((visibility("default"))) int getnameinfo(const struct sockaddr *address, socklen_t length, char *host,
    socklen_t host_room, char *service, socklen_t service_room, int flags) {
    namer libc = (namer)dlsym(RTLD_NEXT, "getnameinfo");
    if (!libc) return EAI_FAIL;
    const run *run = current_run();
    int is_internet = address && length >= sizeof address->sa_family
        && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
    if (!run->known || !is_internet || !host || !host_room || flags & NI_NUMERICHOST) {
        return libc(address, length, host, host_room, service, service_room, flags);
    }
    char number[NI_MAXHOST];
    int numeric = (flags & ~NI_NAMEREQD) | NI_NUMERICHOST;
    int status = libc(address, length, number, sizeof number, service, service_room, numeric);
    if (status) return status;
    lamina_run_names names;
    status = ask_name_of(run, address, length, flags | NI_NAMEREQD, &names);
    if (status && (status != EAI_NONAME || flags & NI_NAMEREQD)) return status;
    const char *name = status ? number : names.canonical;
    size_t count = strlen(name) + 1;
    if (count > host_room) return EAI_OVERFLOW;
    memcpy(host, name, count);
    return 0;
}
