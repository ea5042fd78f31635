/// Control data: what travels beside datagrams, as `struct cmsghdr`s one after another. Reads and writes them without
/// trusting their lengths.
#ifndef LAMINA_CONTROL_H
#define LAMINA_CONTROL_H

#include "lamina_types.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// One piece of control data.
typedef struct lamina_control_item {
    /// e.g. `IPPROTO_IP`.
    int32_t level;
    /// e.g. `IP_PKTINFO`.
    int32_t type;
    /// Within the control data that were read; null before the first was.
    const void *LAMINA_NULLABLE data;
    /// Bytes of `data`.
    size_t length;
} lamina_control_item;

/// Bytes of a header, before its data.
#define LAMINA_CONTROL_HEADER sizeof(struct cmsghdr)

/// The room that `length` bytes of data take with their header (CMSG_SPACE, WSA_CMSG_SPACE).
LAMINA_INLINE size_t lamina_control_space(size_t length) {
    return LAMINA_CONTROL_HEADER + ((length + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1));
}

/// Appends one piece to the `*used` bytes that stand in `room`. -ENOBUFS, and nothing changed: `capacity` is too small.
LAMINA_INLINE lamina_status lamina_control_append(
    void *room, size_t capacity, size_t *used, int32_t level, int32_t type, const void *data, size_t length) {
    const size_t space = lamina_control_space(length);
    if (*used > capacity || space > capacity - *used) {
        return -ENOBUFS;
    }
    char *place = (char *)room + *used;
    struct cmsghdr header;
    memset(place, 0, space);
    memset(&header, 0, sizeof header);
    header.cmsg_len = LAMINA_CONTROL_HEADER + length;
    header.cmsg_level = level;
    header.cmsg_type = type;
    memcpy(place, &header, sizeof header);
    memcpy(place + sizeof header, data, length);
    *used += space;
    return 0;
}

/// Reads the piece at `*offset`, 0 for the first, and moves on to the next. 1: there is one; 0: that was the last;
/// -EINVAL: a length doesn't fit.
LAMINA_INLINE lamina_status lamina_control_next(
    const void *LAMINA_NULLABLE control, size_t length, size_t *offset, lamina_control_item *item) {
    if (!control || *offset >= length) {
        return 0;
    }
    struct cmsghdr header;
    if (length - *offset < sizeof header) {
        return -EINVAL;
    }
    memcpy(&header, (const char *)control + *offset, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > length - *offset) {
        return -EINVAL;
    }
    item->level = header.cmsg_level;
    item->type = header.cmsg_type;
    item->data = (const char *)control + *offset + sizeof header;
    item->length = header.cmsg_len - sizeof header;
    const size_t space = lamina_control_space(item->length);
    *offset = space > length - *offset ? length : *offset + space;
    return 1;
}

LAMINA_NONNULL_END
LAMINA_C_END

#endif
