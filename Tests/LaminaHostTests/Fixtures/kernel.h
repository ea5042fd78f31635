// What the kernel says, whatever the run would.
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lamina_run.h"

// The port that a socket is connected to, or -1: the call carries the secret that passes it.
static int kernels_peer(int fd) {
    unsigned long secret[2] = {0};
    const char *run = getenv(LAMINA_RUN_VARIABLE);
    if (run) sscanf(run, "%*32[0-9a-f],%16lx%16lx", &secret[0], &secret[1]);
    struct sockaddr_in6 name = {0};
    socklen_t length = sizeof name;
    if (syscall(SYS_getpeername, fd, &name, &length, 0, secret[0], secret[1])) return -1;
    return ntohs(name.sin6_port);
}
