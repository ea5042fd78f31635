// Destinations, control data and the machine's addresses, in a network namespace of the program's own.
#include <net/if.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "check.h"

/// Changes the loopback interface of this namespace.
static void change_loopback(unsigned long code, struct ifreq *request) {
    const int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(request->ifr_name, "lo", 3);
    CHECK(descriptor >= 0 && ioctl(descriptor, code, request) == 0);
    close(descriptor);
}

static lamina_socket bound(lamina_chain *chain) {
    const lamina_socket socket = open_socket(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
    const lamina_address address = loopback(0);
    CHECK_STATUS(lamina_wait_bind(socket, &address, 0, &error), 0);
    return socket;
}

static void test_messages(lamina_chain *chain) {
    const lamina_socket one = bound(chain), two = bound(chain);
    const lamina_address target = loopback(port_of(two));
    char bytes[64] = "with control data", room[128], got[64];
    lamina_buffer buffer = {bytes, 17}, received = {got, sizeof got};
    lamina_message message = {.buffers = &buffer, .buffer_count = 1};
    CHECK_STATUS(lamina_wait_send_message(one, &message, 0, &error), -EDESTADDRREQ);
    CHECK_STATUS(lamina_wait_set_destination(one, &target, 0, &error), 0);
    const int hops = 5, on = 1;
    message.control = room;
    CHECK(lamina_control_append(room, sizeof room, &message.control_length, IPPROTO_IP, IP_TTL, &hops, 4) == 0);
    lamina_operation option = {.size = sizeof option, .kind = LAMINA_CONTROL_SET_OPTION, .level = IPPROTO_IP,
        .code = IP_RECVTTL, .input = &on, .input_length = sizeof on};
    CHECK_STATUS(lamina_wait_control(two, &option, 0, &error), 0);
    CHECK_STATUS(lamina_wait_send_message(one, &message, 0, &error), 17);
    lamina_message answer = {.buffers = &received, .buffer_count = 1, .control = room, .control_length = sizeof room};
    CHECK_STATUS(lamina_wait_receive_message(two, &answer, 0, 0, &error), 17);
    CHECK(memcmp(bytes, got, 17) == 0);
    size_t offset = 0;
    int found = 0;
    lamina_control_item item;
    CHECK(lamina_control_next(room, answer.control_length, &offset, &item) == 1);
    CHECK(item.level == IPPROTO_IP && item.type == IP_TTL && item.length == sizeof found);
    memcpy(&found, item.data, sizeof found);
    CHECK(found == hops && lamina_control_next(room, answer.control_length, &offset, &item) == 0);
    CHECK_STATUS(lamina_wait_receive_message(two, &answer, LAMINA_RECEIVE_REPORTS, 0, &error), -EAGAIN);
    CHECK_STATUS(lamina_wait_set_destination(one, 0, 0, &error), 0);
    CHECK_STATUS(lamina_wait_connect(one, &target, 0, &error), 0);
    CHECK_STATUS(lamina_wait_forget_remote(one, 0, &error), 0);
    CHECK_STATUS(lamina_wait_send_message(one, &message, 0, &error), -EDESTADDRREQ);
    CHECK_STATUS(lamina_wait_send_message(one, 0, 0, &error), -EINVAL);
    CHECK_STATUS(lamina_wait_close(one, &error), 0);
    CHECK_STATUS(lamina_wait_close(two, &error), 0);
}

static void *wait_for_change(void *socket) {
    CHECK_STATUS(lamina_wait_address_list_change(*(lamina_socket *)socket, 0, &error), 0);
    return 0;
}

static int has(lamina_socket socket, const char *text) {
    lamina_address list[16];
    char name[LAMINA_ADDRESS_TEXT];
    const ssize_t count = lamina_wait_address_list(socket, list, 16, &error);
    CHECK(count >= 0 && count <= 16);
    for (ssize_t index = 0; index < count; index++) {
        CHECK(lamina_address_format(&list[index], name, sizeof name) > 0);
        if (strcmp(name, text) == 0) return 1;
    }
    return 0;
}

static void test_addresses(lamina_chain *chain) {
    lamina_socket socket = open_socket(chain, SOCK_DGRAM, LAMINA_DATAGRAM);
    CHECK(has(socket, "127.0.0.1:0") && !has(socket, "10.9.8.7:0"));
    CHECK_STATUS(lamina_wait_address_list_change(socket, lamina_deadline_after_ms(10), &error), -ETIMEDOUT);
    pthread_t waiter;
    CHECK(pthread_create(&waiter, 0, wait_for_change, &socket) == 0);
    struct ifreq request = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)&request.ifr_addr;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x0a090807);
    change_loopback(SIOCSIFADDR, &request);
    CHECK(pthread_join(waiter, 0) == 0);
    CHECK(has(socket, "10.9.8.7:0"));
    lamina_address list[2];
    CHECK_STATUS(lamina_address_parse("192.0.2.1:80", &list[0], &error), 0);
    CHECK_STATUS(lamina_address_parse("10.9.8.7:80", &list[1], &error), 0);
    // What can't be reached comes last.
    CHECK_STATUS(lamina_wait_sort_addresses(socket, list, 2, &error), 0);
    CHECK(list[0].storage.ipv4.sin_addr.s_addr == htonl(0x0a090807));
    CHECK_STATUS(lamina_wait_close(socket, &error), 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    // CLONE_NEWUSER and CLONE_NEWNET, while there is one thread.
    if (syscall(SYS_unshare, 0x10000000 | 0x40000000) != 0) {
        puts("forbidden");
        return 0;
    }
    struct ifreq up = {0};
    up.ifr_flags = IFF_UP | IFF_RUNNING;
    change_loopback(SIOCSIFFLAGS, &up);
    lamina_chain *chain = 0;
    CHECK_STATUS(lamina_chain_open(0, 0, arguments[1], 0, 0, &chain, &error), 0);
    test_messages(chain);
    test_addresses(chain);
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
