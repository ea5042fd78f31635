/// The object has no interface but the libc calls that it interposes.
#ifndef LAMINA_PRELOAD_H
#define LAMINA_PRELOAD_H
#endif
