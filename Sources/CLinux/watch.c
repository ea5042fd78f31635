#include "clinux_watch.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

int clinux_watch_open(void) {
    const int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_watch_directory(int descriptor, const char *path) {
    const unsigned events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF
        | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
    return inotify_add_watch(descriptor, path, events) < 0 ? -errno : 0;
}

int clinux_watch_drain(int descriptor) {
    char room[4096];
    int is_changed = 0;
    for (;;) {
        const ssize_t count = read(descriptor, room, sizeof room);
        if (count > 0) {
            is_changed = 1;
        } else if (count == 0 || errno != EINTR) {
            return is_changed;
        }
    }
}
