#define _GNU_SOURCE
#include "clinux_event.h"

int clinux_wait_for(int first, short first_events, int second, int third, int64_t until) {
    struct pollfd descriptors[3] = {{first, first_events, 0}, {second, POLLIN, 0}, {third, POLLIN, 0}};
    struct timespec left, *timeout = 0;
    if (until) {
        int64_t rest = until - clinux_monotonic();
        rest = rest < 0 ? 0 : rest;
        left.tv_sec = rest / 1000000000;
        left.tv_nsec = rest % 1000000000;
        timeout = &left;
    }
    if (ppoll(descriptors, third < 0 ? 2 : 3, timeout, 0) <= 0) {
        return 0;
    }
    int ready = 0;
    for (int i = 0; i < 3; i++) {
        ready |= (descriptors[i].revents ? 1 : 0) << i;
    }
    return ready;
}
