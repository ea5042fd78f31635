// Gives a file the capability to open raw sockets: `capabilities FILE`.
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/xattr.h>

int main(int count, char **arguments) {
    const struct vfs_cap_data rights = {
        .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{.permitted = 1 << CAP_NET_RAW}}};
    if (count < 2) return 2;
    if (setxattr(arguments[1], "security.capability", &rights, sizeof rights, 0) == 0) return 0;
    perror(arguments[1]);
    return 1;
}
