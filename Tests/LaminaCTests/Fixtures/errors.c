// What wrong use gets: an answer and one line, never a crash.
#include "check.h"

static void nulls(lamina_chain *chain) {
    const lamina_socket none = {0, 0};
    char byte;
    CHECK(lamina_chain_open(0, 0, 0, 0, 0, 0, 0) == -EINVAL);
    CHECK(lamina_chain_open(0, 1, 0, 0, 0, &chain, 0) == -EINVAL);
    CHECK(lamina_chain_effect(0) == -EINVAL && !lamina_chain_label(0, 0) && !lamina_chain_warning(0, 0));
    CHECK(lamina_catalog_open(0, 0, 0, 0) == -EINVAL && lamina_catalog_count(0) == 0);
    CHECK(lamina_catalog_entry_at(0, 0, 0) == -EINVAL);
    CHECK(lamina_engine_open(0, 0) == -EINVAL && lamina_engine_run(0, 0) == -EINVAL);
    CHECK(lamina_engine_descriptor(0) == -EINVAL);
    CHECK(lamina_address_parse(0, 0, 0) == -EINVAL && lamina_address_format(0, &byte, 1) == -EINVAL);
    CHECK(lamina_socket_open(0, 0, 0) == -EINVAL && lamina_cancel(0) == -EINVAL);
    CHECK(lamina_wait_open(0, AF_INET, SOCK_STREAM, 0, LAMINA_CONNECTION, 0, 0) == -EINVAL);
    CHECK(lamina_wait_resolve(chain, 0, 0, 0, 0, 0, 0, 0) == -EINVAL);
    CHECK(lamina_socket_close(none, 0) == -EBADF && lamina_wait_close(none, 0) == -EBADF);
    CHECK(lamina_wait_send(none, &byte, 1, 0, 0, 0) == -EBADF);
    CHECK(lamina_wait_receive(none, 0, 1, 0, 0, 0) == -EINVAL);
    CHECK(lamina_wait_connect(none, 0, 0, 0) == -EINVAL && lamina_wait_accept(none, 0, 0, 0, 0) == -EINVAL);
    lamina_catalog_close(0);
    lamina_chain_close(0);
    lamina_engine_close(0);
}

static void levels(lamina_chain *chain) {
    lamina_socket socket = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    const lamina_address discard = loopback(9);
    CHECK_STATUS(lamina_wait_connect(socket, &discard, 0, &error), -EACCES);
    CHECK(error.status == -EACCES && error.code == LAMINA_ERROR_SYSTEM && strcmp(error.level, "gate") == 0);
    CHECK(strstr(error.message, "127.0.0.1:9") && !strchr(error.message, '\n'));

    // A port that was free a moment ago, and that nobody listens on.
    const lamina_socket bound = open_socket(chain, SOCK_STREAM, LAMINA_LISTEN);
    const lamina_address any = loopback(0);
    CHECK_STATUS(lamina_wait_bind(bound, &any, 0, &error), 0);
    const lamina_address closed = loopback(port_of(bound));
    CHECK_STATUS(lamina_wait_connect(socket, &closed, 0, &error), -ECONNREFUSED);
    CHECK(strcmp(error.level, "kernel") == 0);
    CHECK_STATUS(lamina_wait_close(bound, &error), 0);

    CHECK_STATUS(lamina_wait_listen(socket, 1, 0, &error), -EOPNOTSUPP);
    CHECK(error.code == LAMINA_ERROR_NOT_SUPPORTED);
    CHECK_STATUS(lamina_wait_open(chain, AF_INET, SOCK_STREAM, 0, 3, &socket, &error), -EINVAL);
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
}

static void closed(lamina_chain *chain) {
    const lamina_socket socket = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
    CHECK_STATUS(lamina_wait_close(socket, &error), -EBADF);
    CHECK(error.code == LAMINA_ERROR_CLOSED);
    const lamina_socket other = open_socket(chain, SOCK_STREAM, LAMINA_CONNECTION);
    char byte;
    CHECK_STATUS(lamina_wait_receive(socket, &byte, 1, 0, 0, &error), -EBADF);
    CHECK_STATUS(lamina_socket_close(socket, 0), -EBADF);
    CHECK_STATUS(lamina_wait_close(other, &error), 0);
}

static void deadlines(lamina_chain *chain) {
    const lamina_socket listener = open_listener(chain);
    lamina_socket socket;
    CHECK_STATUS(lamina_wait_accept(listener, &socket, 0, lamina_deadline_after_ms(30), &error), -ETIMEDOUT);
    CHECK(error.code == LAMINA_ERROR_TIMED_OUT);
    CHECK_STATUS(lamina_wait_accept(listener, &socket, 0, lamina_deadline_after_ms(-5), &error), -ETIMEDOUT);
    CHECK(lamina_deadline_after_ms(INT64_MAX) > 0 && lamina_deadline_after_ms(INT64_MIN) > 0);
    CHECK_STATUS(lamina_wait_close(listener, &error), 0);
}

static void texts(void) {
    lamina_address address;
    char text[LAMINA_ADDRESS_TEXT];
    const char *const good[] = {"127.0.0.1:80", "[::1]:443", "example.org:1", "unix:/tmp/x"};
    for (int index = 0; index < 4; index++) {
        CHECK_STATUS(lamina_address_parse(good[index], &address, &error), 0);
        CHECK_STATUS(lamina_address_format(&address, text, sizeof text), strlen(good[index]));
        CHECK(strcmp(text, good[index]) == 0);
    }
    CHECK(lamina_address_format(&address, text, 3) == -ENOBUFS);
    CHECK_STATUS(lamina_address_parse("nowhere", &address, &error), -EINVAL);
    CHECK(strstr(error.message, "nowhere"));
}

static void sizes(void) {
    // A program of an older version has less room: nothing beyond it is written.
    union {
        lamina_error error;
        unsigned char bytes[sizeof(lamina_error)];
    } small;
    lamina_chain *chain;
    memset(&small, 0xee, sizeof small);
    small.error.size = 16;
    CHECK(lamina_chain_open(0, 0, "./nothing.so", 0, 0, &chain, &small.error) < 0);
    CHECK(small.error.status < 0);
    for (size_t index = 16; index < sizeof small; index++) CHECK(small.bytes[index] == 0xee);
}

static void catalog(void) {
    lamina_catalog *catalog;
    lamina_catalog_entry entry;
    lamina_chain *chain;
    memset(&entry, 0, sizeof entry);
    CHECK_STATUS(lamina_catalog_open(0, 0, &catalog, &error), 0);
    const size_t count = lamina_catalog_count(catalog);
    int found = 0;
    for (size_t index = 0; index < count; index++) {
        CHECK_STATUS(lamina_catalog_entry_at(catalog, index, &entry), 0);
        if (strcmp(entry.name, "kernel") == 0) {
            found = entry.available && !entry.reason && entry.library && entry.kind == LAMINA_BASE_PROVIDER;
        }
        if (strcmp(entry.name, "broken") == 0) CHECK(!entry.available && entry.reason);
    }
    CHECK(found);
    CHECK_STATUS(lamina_catalog_entry_at(catalog, count, &entry), -ERANGE);
    const char *layers[] = {"kernal"};
    CHECK_STATUS(lamina_chain_open(layers, 1, 0, catalog, 0, &chain, &error), -ENOENT);
    CHECK(error.code == LAMINA_ERROR_NOT_FOUND && strstr(error.message, "kernal") && strstr(error.message, "kernel"));
    CHECK_STATUS(lamina_chain_open(0, 0, 0, catalog, 0, &chain, &error), 0);
    lamina_catalog_close(catalog);
    CHECK(strcmp(lamina_chain_label(chain, 0), "kernel") == 0);
    lamina_chain_close(chain);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    CHECK(lamina_version()[0] != 0);
    lamina_chain *chain = open_chain(arguments, 0);
    nulls(chain);
    levels(chain);
    closed(chain);
    deadlines(chain);
    texts();
    sizes();
    catalog();
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
