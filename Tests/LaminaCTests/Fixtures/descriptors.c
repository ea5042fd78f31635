// Descriptors and values of sockets by the C API, in one process: adopting, inheriting, withdrawing, redeeming.
#include <errno.h>
#include <fcntl.h>

#include "pairs.h"

static void adopt(lamina_chain *chain) {
    const pair open = connect_pair(chain);
    lamina_socket adopted = {0, 0};
    char bytes[8];
    const int base = lamina_socket_base_descriptor(open.client);
    CHECK(base >= 0);
    const int copy = dup(base);
    CHECK_STATUS(lamina_wait_adopt(chain, copy, LAMINA_LISTEN, &adopted, &error), -EINVAL);
    CHECK(fcntl(copy, F_GETFD) >= 0);
    CHECK_STATUS(lamina_wait_adopt(chain, copy, 0, &adopted, &error), 0);
    CHECK_STATUS(lamina_wait_send(adopted, "adopted", 7, 0, 0, &error), 7);
    CHECK_STATUS(lamina_wait_receive(open.server, bytes, 7, LAMINA_RECEIVE_WAIT_ALL, 0, &error), 7);
    CHECK(memcmp(bytes, "adopted", 7) == 0);
    CHECK_STATUS(lamina_wait_close(adopted, &error), 0);
    CHECK(fcntl(copy, F_GETFD) < 0);
    CHECK_STATUS(lamina_wait_adopt(chain, -1, 0, &adopted, &error), -EBADF);
    CHECK(error.message[0]);

    CHECK(fcntl(base, F_GETFD) == FD_CLOEXEC);
    CHECK_STATUS(lamina_wait_set_inheritable(open.client, 1, &error), base);
    CHECK(fcntl(base, F_GETFD) == 0);
    CHECK_STATUS(lamina_wait_set_inheritable(open.client, 0, &error), base);
    CHECK(fcntl(base, F_GETFD) == FD_CLOEXEC);
    close_pair(open);
    CHECK(lamina_socket_base_descriptor(open.client) == -EBADF);
    CHECK_STATUS(lamina_wait_set_inheritable(open.client, 1, &error), -EBADF);
}

static void redeem(lamina_chain *chain) {
    const pair open = connect_pair(chain);
    lamina_protocol_info info, other;
    lamina_socket redeemed = {0, 0}, late = {0, 0};
    char bytes[8];
    CHECK_STATUS(lamina_socket_duplicate(open.client, getpid(), LAMINA_HANDOFF_DEFAULT, 0, &info, &error), 0);
    CHECK(lamina_protocol_info_mode(&info) == LAMINA_HANDOFF_SHARE);
    CHECK_STATUS(lamina_wait_socket_from(&info, 0, 0, lamina_deadline_after_ms(PATIENCE), &redeemed, &error), 0);
    CHECK_STATUS(lamina_wait_send(redeemed, "shared", 6, 0, 0, &error), 6);
    CHECK_STATUS(lamina_wait_receive(open.server, bytes, 6, LAMINA_RECEIVE_WAIT_ALL, 0, &error), 6);
    CHECK(memcmp(bytes, "shared", 6) == 0);
    CHECK_STATUS(lamina_socket_withdraw(&info), -ENOENT);
    CHECK_STATUS(lamina_wait_socket_from(&info, 0, 0, 0, &late, &error), -ECONNREFUSED);

    CHECK_STATUS(lamina_socket_duplicate(open.client, getpid(), LAMINA_HANDOFF_MOVE, 1000, &other, &error), 0);
    CHECK(lamina_protocol_info_mode(&other) == LAMINA_HANDOFF_MOVE);
    CHECK_STATUS(lamina_socket_withdraw(&other), 0);
    CHECK_STATUS(lamina_socket_withdraw(&other), -ENOENT);
    CHECK_STATUS(lamina_wait_socket_from(&other, 0, 0, 0, &late, &error), -ECONNREFUSED);
    other.bytes[100] ^= 1;
    CHECK(lamina_protocol_info_mode(&other) == -EINVAL);
    CHECK_STATUS(lamina_wait_socket_from(&other, 0, 0, 0, &late, &error), -EINVAL);
    CHECK_STATUS(lamina_socket_duplicate(open.client, getpid(), 7, 0, &other, &error), -EINVAL);
    CHECK_STATUS(lamina_socket_duplicate(open.client, getpid(), LAMINA_HANDOFF_SHARE, 600001, &other, &error), -EINVAL);
    CHECK_STATUS(lamina_wait_close(redeemed, &error), 0);
    close_pair(open);
    CHECK_STATUS(lamina_socket_duplicate(open.client, getpid(), LAMINA_HANDOFF_SHARE, 0, &other, &error), -EBADF);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    lamina_chain *chain = open_chain(arguments, 0);
    adopt(chain);
    redeem(chain);
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
