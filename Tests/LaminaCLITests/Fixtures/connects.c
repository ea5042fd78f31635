// connects HOST:PORT [LAYER…]: connects through the layers, prints at which level it failed or what answers, and which
// plug-ins the process has in its memory; it ends with a receive that still waits on a second socket.
#include <lamina.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what, const lamina_error *error) {
    printf("%s failed at \"%s\": %s\n", what, error->level, error->message);
    return 1;
}

static lamina_status end(lamina_slot *slot, lamina_request *request, void *context) {
    (void)slot;
    (void)context;
    return request->status;
}

static void show_images(void) {
    char line[4096], last[4096] = "";
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        const char *name = strrchr(line, '/');
        if (!name || !strstr(line, ".so") || strncmp(name, "/lib", 4) != 0 || !strcmp(name, last)) continue;
        strcpy(last, name);
        printf("image %s", name + 1);
    }
    if (maps) fclose(maps);
}

int main(int count, char **words) {
    static char room[64];
    static lamina_request pending;
    const char *const *layers = (const char *const *)words + 2;
    const lamina_buffer buffer = {room, sizeof room};
    char answer[4096];
    lamina_error error = {0};
    lamina_chain *chain;
    lamina_socket sockets[2];
    if (count < 2) return 64;
    if (lamina_chain_open(layers, (size_t)count - 2, 0, 0, 0, &chain, &error) < 0) return failed("chain", &error);
    for (int i = 0; i < 2; i++) {
        if (lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, LAMINA_CONNECTION, &sockets[i], &error) < 0)
            return failed("open", &error);
        if (lamina_wait_connect_to(sockets[i], words[1], 0, &error) < 0) return failed("connect", &error);
    }
    if (lamina_wait_send(sockets[0], "GET / HTTP/1.0\r\n\r\n", 18, 0, 0, &error) < 0) return failed("send", &error);
    ssize_t got;
    while ((got = lamina_wait_receive(sockets[0], answer, sizeof answer, 0, 0, &error)) > 0) {
        fwrite(answer, 1, (size_t)got, stdout);
    }
    if (got < 0) return failed("receive", &error);
    show_images();
    lamina_request_prepare(&pending, end, 0);
    printf("receive %d\n", lamina_socket_receive(sockets[1], &buffer, 1, 0, &pending) == LAMINA_PENDING);
    return 0;
}
