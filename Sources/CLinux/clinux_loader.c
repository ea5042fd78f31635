#define _GNU_SOURCE
#include "clinux_loader.h"

#include <dlfcn.h>
#include <link.h>

const char *clinux_image_path(const void *address) {
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fname : 0;
}

const char *clinux_own_image_path(void) {
    Dl_info info;
    struct link_map *map = 0;
    if (dladdr1((const void *)clinux_own_image_path, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == 0) return 0;
    // The program is the first in the loader's list, and nameless in it.
    return map->l_name != 0 && map->l_name[0] != 0 ? map->l_name : 0;
}
