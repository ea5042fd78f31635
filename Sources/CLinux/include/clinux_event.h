/// Waiting for descriptors and for time: epoll, eventfd, timerfd, poll, the monotonic clock.
#ifndef CLINUX_EVENT_H
#define CLINUX_EVENT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    clinux_epoll_in = EPOLLIN,
    clinux_epoll_out = EPOLLOUT,
    clinux_epoll_error = EPOLLERR,
    clinux_epoll_hung_up = EPOLLHUP,
    clinux_epoll_peer_finished = EPOLLRDHUP,
    clinux_epoll_urgent = EPOLLPRI,
    clinux_epoll_one_shot = EPOLLONESHOT,
};

/// EPOLLET, which no enumeration of C holds without a sign.
static const uint32_t clinux_epoll_edge = EPOLLET;

static inline int clinux_epoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

/// Puts a new descriptor in an old one's place, closing the old one there. Takes over `made`; where that is none, the old
/// one is closed.
static inline void clinux_replace_descriptor(int made, int old) {
    if (made < 0) {
        close(old);
    } else if (made != old) {
        syscall(SYS_dup3, made, old, O_CLOEXEC);
        close(made);
    }
}

/// An eventfd that doesn't block.
static inline int clinux_eventfd(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline void clinux_eventfd_signal(int descriptor) {
    const uint64_t one = 1;
    while (write(descriptor, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static inline void clinux_eventfd_drain(int descriptor) {
    uint64_t count;
    while (read(descriptor, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

/// A timer that is readable once its time has come.
static inline int clinux_timerfd(void) {
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

/// Sets a timer to `when` nanoseconds of CLOCK_MONOTONIC; what has passed is due at once.
static inline void clinux_timerfd_set(int descriptor, int64_t when) {
    const int64_t due = when > 0 ? when : 1;
    const struct itimerspec time = {{0, 0}, {due / 1000000000, due % 1000000000}};
    timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &time, 0);
}

/// Adds a descriptor. 0 or a negative errno.
static inline int clinux_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t identity) {
    struct epoll_event event = {.events = events, .data.u64 = identity};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

static inline int clinux_epoll_change(int epoll, int descriptor, uint32_t events, uint64_t identity) {
    struct epoll_event event = {.events = events, .data.u64 = identity};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) < 0 ? -errno : 0;
}

static inline void clinux_epoll_remove(int epoll, int descriptor) {
    struct epoll_event event = {0};
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event);
}

/// One event as epoll reports it.
typedef struct clinux_epoll_event {
    uint64_t identity;
    uint32_t events;
} clinux_epoll_event;

/// Waits for up to `capacity` (at most 64) events, `timeout` milliseconds, -1 for good. Answers how many, 0 also when
/// a signal came first, or a negative errno.
static inline int clinux_epoll_wait(int epoll, clinux_epoll_event *events, int capacity, int timeout) {
    struct epoll_event found[64];
    const int count = epoll_wait(epoll, found, capacity < 64 ? capacity : 64, timeout);
    if (count < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    for (int i = 0; i < count; i++) {
        events[i].identity = found[i].data.u64;
        events[i].events = found[i].events;
    }
    return count;
}

/// Nanoseconds of CLOCK_MONOTONIC.
static inline int64_t clinux_monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/// Waits for one of up to three descriptors (-1: none) until `until` nanoseconds of CLOCK_MONOTONIC, 0 for good.
/// Answers 0 where the time passed or a signal came first, else bits 1, 2, 4 for those that are ready.
int clinux_wait_for(int first, short first_events, int second, int third, int64_t until);

#endif
