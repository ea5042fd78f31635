#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct job {
    int socket;
    int results;
    unsigned length;
    uint64_t identity;
    struct sockaddr_storage address;
} job;

static void *connect_aside(void *context) {
    job *job = context;
    clinux_connected ended = {.identity = job->identity};
    if (connect(job->socket, (struct sockaddr *)&job->address, job->length) < 0) ended.result = -errno;
    close(job->socket);
    while (write(job->results, &ended, sizeof ended) < 0 && errno == EINTR) {}
    free(job);
    return 0;
}

int clinux_connect_aside(int socket, const void *address, unsigned length, int results, uint64_t identity) {
    if (length > sizeof(struct sockaddr_storage)) return -EINVAL;
    job *made = malloc(sizeof *made);
    if (!made) return -ENOMEM;
    *made = (job){.socket = socket, .results = results, .length = length, .identity = identity};
    memcpy(&made->address, address, length);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, connect_aside, made);
    pthread_attr_destroy(&attributes);
    if (error) free(made);
    return -error;
}
