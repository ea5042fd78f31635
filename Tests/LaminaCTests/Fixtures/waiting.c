// An echo by waiting calls, two threads, over TCP and UDP; C11 and C++17.
#include <pthread.h>

#include "check.h"

static lamina_socket listener;

static void *serve(void *unused) {
    (void)unused;
    lamina_socket socket;
    lamina_address peer;
    char bytes[64], text[LAMINA_ADDRESS_TEXT];
    CHECK_STATUS(lamina_wait_accept(listener, &socket, &peer, 0, &error), 0);
    CHECK(lamina_address_format(&peer, text, sizeof text) > 0 && strncmp(text, "127.0.0.1:", 10) == 0);
    ssize_t count;
    while ((count = lamina_wait_receive(socket, bytes, sizeof bytes, 0, 0, &error)) > 0) {
        CHECK_STATUS(lamina_wait_send(socket, bytes, (size_t)count, 0, 0, &error), count);
    }
    CHECK_STATUS(count, 0);
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
    return 0;
}

static void echo(lamina_chain *chain) {
    pthread_t server;
    listener = open_listener(chain);
    CHECK(pthread_create(&server, 0, serve, 0) == 0);
    const lamina_socket socket = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    char destination[32], bytes[64] = "";
    snprintf(destination, sizeof destination, "localhost:%u", port_of(listener));
    CHECK_STATUS(lamina_wait_connect_to(socket, destination, lamina_deadline_after_ms(20000), &error), 0);
    for (int round = 0; round < 100; round++) {
        CHECK_STATUS(lamina_wait_send(socket, "hello, chain", 12, 0, 0, &error), 12);
        CHECK_STATUS(lamina_wait_receive(socket, bytes, 12, LAMINA_RECEIVE_WAIT_ALL, 0, &error), 12);
        CHECK(memcmp(bytes, "hello, chain", 12) == 0);
    }
    lamina_address peer;
    CHECK_STATUS(lamina_wait_remote_address(socket, &peer, 0, &error), 0);
    CHECK(ntohs(peer.storage.ipv4.sin_port) == port_of(listener));
    CHECK(lamina_wait_descriptor(socket, &error) >= 0);
    CHECK_STATUS(lamina_wait_disconnect(socket, 0, 0, &error), 0);
    CHECK_STATUS(lamina_wait_receive(socket, bytes, sizeof bytes, 0, 0, &error), 0);
    CHECK(pthread_join(server, 0) == 0);
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
}

static void datagrams(lamina_chain *chain) {
    const lamina_socket one = open_socket(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
    const lamina_socket two = open_socket(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
    const lamina_address any = loopback(0);
    CHECK_STATUS(lamina_wait_bind(one, &any, 0, &error), 0);
    CHECK_STATUS(lamina_wait_bind(two, &any, 0, &error), 0);
    const lamina_address to = loopback(port_of(two));
    CHECK_STATUS(lamina_wait_send_to(one, "datagram", 8, &to, 0, &error), 8);
    char bytes[4];
    uint32_t flags = 0;
    lamina_address from;
    CHECK_STATUS(lamina_wait_receive_from(two, bytes, sizeof bytes, &from, &flags, 0, &error), 4);
    CHECK(flags & LAMINA_MESSAGE_TRUNCATED);
    CHECK(ntohs(from.storage.ipv4.sin_port) == port_of(one));
    CHECK_STATUS(lamina_socket_close(one, 0), 0);
    CHECK_STATUS(lamina_wait_close(two, &error), 0);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    lamina_chain *chain = open_chain(arguments, 0);
    CHECK(strcmp(lamina_chain_label(chain, 0), "gate") == 0 && !lamina_chain_label(chain, 2));
    CHECK_STATUS(lamina_chain_effect(chain), LAMINA_EFFECT_OBSERVE);
    echo(chain);
    datagrams(chain);
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
