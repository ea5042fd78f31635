// Which destinations, and which addresses to serve at, are the run's.
#ifndef LAMINA_PRELOAD_COVERAGE_H
#define LAMINA_PRELOAD_COVERAGE_H

#include "run.h"

enum coverage {
    CARRIED,
    BYPASSED,
    // By its name, which the worker knows.
    UNDECIDED,
};

// Keeps the rules of the environment. 0: they can't be read.
HIDDEN int parse_rules(const char *text);
HIDDEN int hexadecimal_digit(char c);

// Whether a connection to `address` is carried.
HIDDEN enum coverage coverage_of(const struct sockaddr *address, socklen_t length);
// Whether the chain may have to do with a connection to `address` that is carried.
HIDDEN int is_asked_about(const struct sockaddr *address, socklen_t length);
// Whether datagrams to `address` may pass: those that stay on this machine, and those that are none of the run's.
HIDDEN int passes_datagrams(const struct sockaddr *address, socklen_t length);
// Whether `address` may be one that stands for a name server; the worker knows.
HIDDEN int is_stand_in(const struct sockaddr *address, socklen_t length);
// Whether the program may serve at `address`, or at the one that `fd` is bound to.
HIDDEN int passes_server(const struct sockaddr *address, socklen_t length);
HIDDEN int passes_server_socket(int fd);

#endif
