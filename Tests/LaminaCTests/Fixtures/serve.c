// Serves one HTTP request on a port of its own to the program in its arguments, which gets `localhost:PORT`.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count != 2) return 2;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 8) < 0) return 3;
    getsockname(listener, (struct sockaddr *)&address, &length);
    char destination[32];
    snprintf(destination, sizeof destination, "localhost:%d", ntohs(address.sin_port));
    const pid_t child = fork();
    if (child == 0) {
        execl(arguments[1], arguments[1], destination, (char *)0);
        _exit(127);
    }
    const int served = fork();
    if (served == 0) {
        const int socket = accept(listener, 0, 0);
        char bytes[256];
        const ssize_t received = recv(socket, bytes, sizeof bytes, 0);
        static const char reply[] = "HTTP/1.0 200 OK\r\n\r\n";
        if (received > 4 && memcmp(bytes, "HEAD", 4) == 0) send(socket, reply, sizeof reply - 1, 0);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    close(listener);
    // A program that never connected leaves the server waiting.
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 1;
    waitpid(served, 0, 0);
    return 0;
}
