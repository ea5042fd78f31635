// A socket goes from one process to another that isn't its relative, in the ten steps of the Winsock documentation's table.
//
//     handoff target PATH                                  waits at a Unix socket; this is the two programs' own IPC
//     handoff source PATH tcp|udp|listen BASE [LAYER…]     opens a socket, and lets the target have it
//
// Both end with "done". `HandoffExample` is the same in Swift, and either can be the other's partner.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "lamina.h"

static lamina_error error;
static int ipc = -1;

static void need(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "%s: %s\n", what, error.message);
    exit(1);
}

static int64_t soon(void) { return lamina_deadline_after_ms(20000); }

// The programs' own words: one byte says that a step is done.
static void tell(char step) { need(write(ipc, &step, 1) == 1, "ipc"); }

static void await(char step) {
    char came = 0;
    need(read(ipc, &came, 1) == 1 && came == step, "ipc: the partner is gone");
}

static void read_all(void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t part = read(ipc, (char *)bytes + done, count - done);
        need(part > 0, "ipc");
        done += (size_t)part;
    }
}

static void open_ipc(const char *path, int listens) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!listens) {
        need(connect(made, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        ipc = made;
        return;
    }
    need(bind(made, (struct sockaddr *)&address, sizeof address) == 0 && listen(made, 1) == 0, "listen");
    puts("listening");
    fflush(stdout);
    ipc = accept(made, 0, 0);
    need(ipc >= 0, "accept");
    close(made);
}

static void send_text(lamina_socket socket, const char *text) {
    const size_t length = strlen(text);
    need(lamina_wait_send(socket, text, length, 0, soon(), &error) == (ssize_t)length, "send");
}

static void receive_text(lamina_socket socket, const char *text) {
    char bytes[64] = {0};
    const size_t length = strlen(text);
    need(lamina_wait_receive(socket, bytes, length, LAMINA_RECEIVE_WAIT_ALL, soon(), &error) == (ssize_t)length, "receive");
    need(memcmp(bytes, text, length) == 0, "received something else");
}

static void send_datagram(lamina_socket socket, const char *text) {
    need(lamina_wait_send_to(socket, text, strlen(text), 0, soon(), &error) > 0, "send");
}

static void receive_datagram(lamina_socket socket, const char *text) {
    char bytes[64] = {0};
    need(lamina_wait_receive_from(socket, bytes, sizeof bytes, 0, 0, soon(), &error) == (ssize_t)strlen(text), "receive");
    need(strcmp(bytes, text) == 0, "received something else");
}

static void say(lamina_socket socket, int is_datagram, const char *text) {
    if (is_datagram) send_datagram(socket, text); else send_text(socket, text);
}

static void hear(lamina_socket socket, int is_datagram, const char *text) {
    if (is_datagram) receive_datagram(socket, text); else receive_text(socket, text);
}

static lamina_socket opened(lamina_chain *chain, int type, uint32_t category) {
    lamina_socket socket = {0, 0};
    need(lamina_wait_open(chain, AF_INET, type, 0, category, &socket, &error) == 0, "open");
    return socket;
}

static lamina_address bound(lamina_socket socket) {
    lamina_address address;
    need(lamina_address_parse("127.0.0.1:0", &address, &error) == 0, "address");
    need(lamina_wait_bind(socket, &address, 0, &error) == 0, "bind");
    need(lamina_wait_local_address(socket, &address, 0, &error) == 0, "address");
    return address;
}

static lamina_socket listening(lamina_chain *chain, lamina_address *address) {
    const lamina_socket socket = opened(chain, SOCK_STREAM, LAMINA_LISTEN);
    *address = bound(socket);
    need(lamina_wait_listen(socket, 8, 0, &error) == 0, "listen");
    return socket;
}

static lamina_socket connected(lamina_chain *chain, const lamina_address *address) {
    const lamina_socket socket = opened(chain, SOCK_STREAM, LAMINA_CONNECTION);
    need(lamina_wait_connect(socket, address, soon(), &error) == 0, "connect");
    return socket;
}

static lamina_socket accepted(lamina_socket listener) {
    lamina_socket socket = {0, 0};
    need(lamina_wait_accept(listener, &socket, 0, soon(), &error) == 0, "accept");
    return socket;
}

static int may_be_used(lamina_socket socket, int moved) {
    if (!moved) return 1;
    char byte;
    need(lamina_wait_receive(socket, &byte, 1, 0, soon(), &error) == -ESTALE, "the socket has moved and is not stale");
    return 0;
}

// Steps 2 to 6 of the table: asks who the target is, and sends it what it needs. Answers whether the socket moves.
static int give(lamina_socket socket) {
    int32_t process = 0;
    lamina_protocol_info info;
    tell('?');
    read_all(&process, sizeof process);
    need(lamina_socket_duplicate(socket, process, LAMINA_HANDOFF_DEFAULT, 0, &info, &error) == 0, "duplicate");
    need(write(ipc, info.bytes, sizeof info.bytes) == (ssize_t)sizeof info.bytes, "ipc");
    await('!');
    return lamina_protocol_info_mode(&info) == LAMINA_HANDOFF_MOVE;
}

static void source(const char *kind, char **layers, int count, const char *base) {
    lamina_chain *chain = 0, *plain = 0;
    need(lamina_chain_open((const char *const *)layers, (size_t)count, base, 0, 0, &chain, &error) == 0, "chain");
    // What is at the other end of the network has the same layers: they may change what is sent.
    need(lamina_chain_open((const char *const *)layers, (size_t)count, base, 0, 0, &plain, &error) == 0, "chain");
    char kind_letter = kind[0];
    tell(kind_letter);
    if (kind_letter == 'l') {
        lamina_address address;
        const lamina_socket listener = listening(chain, &address);
        const int moved = give(listener);
        lamina_socket peer = connected(plain, &address);
        send_text(peer, "to whom it may concern");
        await('a');
        receive_text(peer, "from the target");
        need(lamina_wait_close(peer, &error) == 0, "close");
        if (!moved) {
            peer = connected(plain, &address);
            const lamina_socket own = accepted(listener);
            send_text(own, "from the source");
            receive_text(peer, "from the source");
            need(lamina_wait_close(own, &error) == 0 && lamina_wait_close(peer, &error) == 0, "close");
        }
        need(lamina_wait_close(listener, &error) == 0, "close");
        tell('b');
        peer = connected(plain, &address);
        receive_text(peer, "once more");
        await('c');
        need(lamina_wait_close(peer, &error) == 0, "close");
    } else {
        const int is_datagram = kind_letter == 'u';
        lamina_socket own, peer, listener = {0, 0};
        if (is_datagram) {
            peer = opened(plain, SOCK_DGRAM, LAMINA_DATAGRAM);
            own = opened(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
            const lamina_address there = bound(peer), here = bound(own);
            need(lamina_wait_connect(own, &there, soon(), &error) == 0, "connect");
            need(lamina_wait_connect(peer, &here, soon(), &error) == 0, "connect");
        } else {
            lamina_address address;
            listener = listening(plain, &address);
            own = connected(chain, &address);
            peer = accepted(listener);
        }
        say(own, is_datagram, "before");
        hear(peer, is_datagram, "before");
        const int moved = give(own);
        await('a');
        hear(peer, is_datagram, "from the target");
        if (may_be_used(own, moved)) {
            say(own, is_datagram, "from the source");
            hear(peer, is_datagram, "from the source");
        }
        say(peer, is_datagram, "answer");
        await('b');
        need(lamina_wait_close(own, &error) == 0, "close");
        tell('c');
        await('d');
        hear(peer, is_datagram, "once more");
        need(lamina_wait_close(peer, &error) == 0, "close");
        if (!is_datagram) need(lamina_wait_close(listener, &error) == 0, "close");
    }
    lamina_chain_close(chain);
    lamina_chain_close(plain);
}

// Steps 3, 7 and 8: says who this is, gets the value, and makes a socket of it.
static lamina_socket take(void) {
    const int32_t process = getpid();
    lamina_protocol_info info;
    lamina_socket socket = {0, 0};
    await('?');
    need(write(ipc, &process, sizeof process) == (ssize_t)sizeof process, "ipc");
    read_all(info.bytes, sizeof info.bytes);
    need(lamina_wait_socket_from(&info, 0, 0, soon(), &socket, &error) == 0, "socket from the value");
    char labels[128];
    need(lamina_socket_levels(socket, labels, sizeof labels) > 0, "levels");
    printf("levels %s\n", labels);
    tell('!');
    return socket;
}

static void target(void) {
    char kind = 0;
    read_all(&kind, 1);
    const lamina_socket socket = take();
    if (kind == 'l') {
        lamina_socket own = accepted(socket);
        receive_text(own, "to whom it may concern");
        send_text(own, "from the target");
        tell('a');
        need(lamina_wait_close(own, &error) == 0, "close");
        await('b');
        own = accepted(socket);
        send_text(own, "once more");
        tell('c');
        need(lamina_wait_close(own, &error) == 0, "close");
    } else {
        const int is_datagram = kind == 'u';
        say(socket, is_datagram, "from the target");
        tell('a');
        hear(socket, is_datagram, "answer");
        tell('b');
        await('c');
        say(socket, is_datagram, "once more");
        tell('d');
    }
    need(lamina_wait_close(socket, &error) == 0, "close");
}

int main(int count, char **arguments) {
    const int is_source = count >= 5 && strcmp(arguments[1], "source") == 0;
    if (!is_source && !(count == 3 && strcmp(arguments[1], "target") == 0)) {
        fprintf(stderr, "usage: handoff target PATH | source PATH tcp|udp|listen BASE [LAYER...]\n");
        return 2;
    }
    open_ipc(arguments[2], !is_source);
    if (is_source) source(arguments[3], arguments + 5, count - 5, arguments[4]); else target();
    puts("done");
    return 0;
}
