// lamina-fetch http://HOST:PORT/PATH: prints what an HTTP server answers. What `lamina demo` runs where curl is missing.
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    int descriptor = -1;
    for (struct addrinfo *next = found; next && descriptor < 0; next = next->ai_next) {
        descriptor = socket(next->ai_family, next->ai_socktype | SOCK_CLOEXEC, 0);
        if (descriptor >= 0 && connect(descriptor, next->ai_addr, next->ai_addrlen) < 0) {
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(found);
    return descriptor;
}

int main(int count, char **arguments) {
    char host[254], port[6], path[1024] = "";
    if (count != 2 || sscanf(arguments[1], "http://%253[^:/]:%5[0-9]/%1023s", host, port, path) < 2) {
        fprintf(stderr, "usage: lamina-fetch http://HOST:PORT/PATH\n");
        return 2;
    }
    const int server = dial(host, port);
    if (server < 0) {
        fprintf(stderr, "lamina-fetch: %s:%s can't be reached\n", host, port);
        return 1;
    }
    char text[4096];
    int length = snprintf(
        text, sizeof text, "GET /%s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", path, host, port);
    if (send(server, text, (size_t)length, MSG_NOSIGNAL) != length) {
        perror("lamina-fetch");
        return 1;
    }
    // The answer's head comes in one piece with the body's start.
    ssize_t got = recv(server, text, sizeof text - 1, 0);
    if (got > 0) {
        text[got] = 0;
        const char *body = strstr(text, "\r\n\r\n");
        body = body ? body + 4 : text;
        fwrite(body, 1, (size_t)(text + got - body), stdout);
    }
    while (got > 0 && (got = recv(server, text, sizeof text, 0)) > 0) {
        fwrite(text, 1, (size_t)got, stdout);
    }
    if (got < 0) {
        perror("lamina-fetch");
        return 1;
    }
    return close(server);
}
