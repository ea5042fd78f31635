/// Threads: the mark of a thread inside a socket, membarrier.
#ifndef CLINUX_THREAD_H
#define CLINUX_THREAD_H

#endif
