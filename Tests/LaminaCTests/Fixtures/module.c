// Part of a program that is loaded late: its inline callers use liblamina's thread-local marks.
#include "check.h"

int use_lamina(char **arguments);

static void stay_on(lamina_chain *chain) {
    const lamina_socket listener = open_listener(chain);
    lamina_request request;
    lamina_request_prepare(&request, 0, 0);
    request.flags = LAMINA_REQUEST_TRY;
    CHECK(lamina_socket_accept(listener, 0, 0, &request) == -EAGAIN);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
    lamina_request_prepare(&request, 0, 0);
    CHECK(lamina_socket_accept(listener, 0, 0, &request) == -EBADF);
}

int use_lamina(char **arguments) {
    lamina_chain *chain = open_chain(arguments, 0);
    stay_on(chain);
    lamina_chain_close(chain);
    return 0;
}
