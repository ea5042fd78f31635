#define _GNU_SOURCE
#include "clinux_loader.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

static struct link_map *image_of(const void *address) {
    Dl_info info;
    struct link_map *map = 0;
    return dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 ? map : 0;
}

const char *clinux_own_image_path(void) {
    const struct link_map *map = image_of((const void *)clinux_own_image_path);
    // The program is the first in the loader's list, and nameless in it.
    return map != 0 && map->l_name != 0 && map->l_name[0] != 0 ? map->l_name : 0;
}

void *clinux_load(const char *path) {
    return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

bool clinux_is_in_image(void *handle, const void *address) {
    struct link_map *map = 0;
    return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != 0 && image_of(address) == map;
}

struct range_search {
    const struct link_map *map;
    clinux_range *ranges;
    int32_t capacity;
    int32_t count;
};

static int collect_ranges(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct range_search *search = context;
    if (info->dlpi_addr != search->map->l_addr || info->dlpi_name != search->map->l_name) return 0;
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
        if (search->count < search->capacity) {
            uintptr_t start = info->dlpi_addr + segment->p_vaddr;
            search->ranges[search->count] = (clinux_range){start, start + segment->p_memsz};
        }
        search->count++;
    }
    return 1;
}

int32_t clinux_executable_ranges(void *handle, clinux_range *ranges, int32_t capacity) {
    struct link_map *map = 0;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == 0) return 0;
    struct range_search search = {map, ranges, capacity, 0};
    dl_iterate_phdr(collect_ranges, &search);
    return search.count;
}

void clinux_save_signals(clinux_signal_state *state) {
    // The two that the C library keeps for itself fail, and are left alone on the way back.
    for (int number = 1; number <= 64; number++) {
        if (sigaction(number, 0, &state->actions[number]) != 0) state->actions[number].sa_handler = SIG_ERR;
    }
    sigaltstack(0, &state->stack);
    pthread_sigmask(SIG_SETMASK, 0, &state->mask);
}

void clinux_restore_signals(const clinux_signal_state *state) {
    for (int number = 1; number <= 64; number++) {
        struct sigaction now;
        const struct sigaction *before = &state->actions[number];
        if (before->sa_handler == SIG_ERR || sigaction(number, 0, &now) != 0) continue;
        if (now.sa_handler != before->sa_handler || now.sa_flags != before->sa_flags) sigaction(number, before, 0);
    }
    sigaltstack(&state->stack, 0);
    pthread_sigmask(SIG_SETMASK, &state->mask, 0);
}
