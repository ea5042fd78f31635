// Sends a line through the layer `trace` and prints what came back.
#include <lamina.h>
#include <stdio.h>
#include <string.h>

/// Makes the chain, and the calls, which block. 0, or a negative errno that `error` describes.
static ssize_t ask(const char *destination, char *answer, size_t room, lamina_error *error) {
    static const char *const layers[] = {"trace:data=text"};
    const int64_t deadline = lamina_deadline_after_ms(10000);
    lamina_chain *chain;
    lamina_socket socket;
    ssize_t result = lamina_chain_open(layers, 1, 0, 0, 0, &chain, error);
    if (result < 0) return result;
    result = lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, LAMINA_CONNECTION, &socket, error);
    // Its sockets keep a chain.
    lamina_chain_close(chain);
    if (result < 0) return result;
    result = lamina_wait_connect_to(socket, destination, deadline, error);
    if (result == 0) result = lamina_wait_send(socket, "hello\n", 6, 0, deadline, error);
    if (result > 0) result = lamina_wait_receive(socket, answer, room, 0, deadline, error);
    (void)lamina_wait_close(socket, 0);
    return result;
}

int main(int count, char **arguments) {
    lamina_error error = {0};
    char answer[100];
    if (count != 2) return fprintf(stderr, "usage: %s HOST:PORT\n", arguments[0]), 64;
    const ssize_t length = ask(arguments[1], answer, sizeof answer, &error);
    if (length < 0) return fprintf(stderr, "%s\n", error.message), 1;
    return fwrite(answer, 1, (size_t)length, stdout) < (size_t)length;
}
