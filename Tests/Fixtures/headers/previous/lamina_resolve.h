/// How questions for names end: a status of the chain, and the codes that getaddrinfo and gethostbyname answer. Each is the
/// other's inverse where both have one, and every edge of a chain uses these.
#ifndef LAMINA_RESOLVE_H
#define LAMINA_RESOLVE_H

#include "lamina_types.h"

/// The numbers of glibc's `EAI_…` and h_errno, some of which <netdb.h> declares for _GNU_SOURCE alone.
enum {
    LAMINA_EAI_BADFLAGS = -1,
    LAMINA_EAI_NONAME = -2,
    LAMINA_EAI_AGAIN = -3,
    LAMINA_EAI_FAIL = -4,
    LAMINA_EAI_NODATA = -5,
    LAMINA_EAI_FAMILY = -6,
    LAMINA_EAI_SOCKTYPE = -7,
    LAMINA_EAI_SERVICE = -8,
    LAMINA_EAI_ADDRFAMILY = -9,
    LAMINA_EAI_MEMORY = -10,
    LAMINA_EAI_SYSTEM = -11,
    LAMINA_EAI_OVERFLOW = -12,
    LAMINA_EAI_CANCELED = -101,
    LAMINA_HOST_INTERNAL = -1,
    LAMINA_HOST_NOT_FOUND = 1,
    LAMINA_HOST_TRY_AGAIN = 2,
    LAMINA_HOST_NO_RECOVERY = 3,
    LAMINA_HOST_NO_DATA = 4,
};

LAMINA_C_BEGIN

/// The code of getaddrinfo and getnameinfo for a status: `EAI_…`, 0 for success. With `EAI_SYSTEM` the status is the errno.
LAMINA_INLINE int lamina_eai_of_status(lamina_status status) {
    switch (-status) {
    case ENOENT: return LAMINA_EAI_NONAME;
    case ENODATA: return LAMINA_EAI_NODATA;
    case EADDRNOTAVAIL: return LAMINA_EAI_ADDRFAMILY;
    case EHOSTUNREACH:
    case EAGAIN:
    case ETIMEDOUT: return LAMINA_EAI_AGAIN;
    case ENOTRECOVERABLE: return LAMINA_EAI_FAIL;
    case EPROTONOSUPPORT: return LAMINA_EAI_SERVICE;
    case EAFNOSUPPORT: return LAMINA_EAI_FAMILY;
    case ESOCKTNOSUPPORT: return LAMINA_EAI_SOCKTYPE;
    case EINVAL: return LAMINA_EAI_BADFLAGS;
    case EOVERFLOW: return LAMINA_EAI_OVERFLOW;
    case ENOMEM: return LAMINA_EAI_MEMORY;
    case ECANCELED: return LAMINA_EAI_CANCELED;
    default: return status < 0 ? LAMINA_EAI_SYSTEM : 0;
    }
}

/// The status for a code of getaddrinfo or getnameinfo; `error` is the errno that came with `EAI_SYSTEM`.
LAMINA_INLINE lamina_status lamina_status_of_eai(int code, int error) {
    switch (code) {
    case 0: return 0;
    case LAMINA_EAI_NONAME: return -ENOENT;
    case LAMINA_EAI_NODATA: return -ENODATA;
    case LAMINA_EAI_ADDRFAMILY: return -EADDRNOTAVAIL;
    case LAMINA_EAI_AGAIN: return -EHOSTUNREACH;
    case LAMINA_EAI_FAIL: return -ENOTRECOVERABLE;
    case LAMINA_EAI_SERVICE: return -EPROTONOSUPPORT;
    case LAMINA_EAI_FAMILY: return -EAFNOSUPPORT;
    case LAMINA_EAI_SOCKTYPE: return -ESOCKTNOSUPPORT;
    case LAMINA_EAI_BADFLAGS: return -EINVAL;
    case LAMINA_EAI_OVERFLOW: return -EOVERFLOW;
    case LAMINA_EAI_MEMORY: return -ENOMEM;
    case LAMINA_EAI_CANCELED: return -ECANCELED;
    default: return error > 0 ? -error : -EIO;
    }
}

/// The h_errno of gethostbyname and its kin for a code of getaddrinfo.
LAMINA_INLINE int lamina_host_error_of_eai(int code) {
    switch (code) {
    case 0: return 0;
    case LAMINA_EAI_NONAME: return LAMINA_HOST_NOT_FOUND;
    case LAMINA_EAI_NODATA:
    case LAMINA_EAI_ADDRFAMILY: return LAMINA_HOST_NO_DATA;
    case LAMINA_EAI_AGAIN: return LAMINA_HOST_TRY_AGAIN;
    case LAMINA_EAI_SYSTEM: return LAMINA_HOST_INTERNAL;
    default: return LAMINA_HOST_NO_RECOVERY;
    }
}

LAMINA_C_END

#endif
