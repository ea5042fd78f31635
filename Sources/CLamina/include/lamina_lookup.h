/// The C API's questions for names and addresses. Conventions as in lamina.h, which includes this.
#ifndef LAMINA_LOOKUP_H
#define LAMINA_LOOKUP_H

#include <sys/types.h>

#include "lamina_resolve.h"
#include "lamina_request.h"

LAMINA_C_BEGIN

typedef struct lamina_chain lamina_chain;
typedef struct lamina_error lamina_error;

/// Turns a name into addresses (WskGetAddressInfo), by a request. `query` must live until it completes.
/// lamina_resolve.h has what its status means.
lamina_status lamina_chain_resolve(
    lamina_chain *chain, lamina_resolve_arguments *query, lamina_request *request);

/// Turns an address into a name (WskGetNameInfo), by a request. `query` must live until it completes.
lamina_status lamina_chain_reverse_resolve(
    lamina_chain *chain, lamina_reverse_arguments *query, lamina_request *request);

/// The addresses of a name and a service (getaddrinfo), waiting: a port number, or a name that the system knows; null for
/// none. `flags` are getaddrinfo's `AI_…`. Writes up to `capacity` addresses and answers how many; and the canonical name to
/// `canonical`, which is null or has room for `LAMINA_NAME_CAPACITY` bytes, where `AI_CANONNAME` asks for it.
ssize_t lamina_wait_look_up(
    lamina_chain *chain, const char *name, const char *service, int family, uint32_t flags, lamina_address *addresses,
    size_t capacity, char *canonical, int64_t deadline, lamina_error *error);

/// The name of an address (getnameinfo), waiting, by getnameinfo's `NI_…` flags. Answers its length without the NUL,
/// -ENOBUFS where `capacity` bytes are too few.
ssize_t lamina_wait_name(
    lamina_chain *chain, const lamina_address *address, uint32_t flags, char *name, size_t capacity, int64_t deadline,
    lamina_error *error);

LAMINA_C_END

#endif
