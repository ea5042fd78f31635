/// Sockets by raw system calls, epoll, eventfd.
#ifndef CLINUX_SOCKET_H
#define CLINUX_SOCKET_H

#endif
