// Options and ioctls by their Windows names, between sockets of the run time's own.
#include "controls.h"

#include <mstcpip.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void test_options(void) {
    WSK_INSPECT_ID none;
    PWSK_SOCKET socket = open_datagram(AF_INET), six = open_datagram(AF_INET6);
    set_option(socket, IPPROTO_IP, IP_DONTFRAGMENT, 1);
    CHECK(get_option(socket, IPPROTO_IP, IP_DONTFRAGMENT) == 1);
    set_option(socket, IPPROTO_IP, IP_DONTFRAGMENT, 0);
    CHECK(get_option(socket, IPPROTO_IP, IP_DONTFRAGMENT) == 0);
    set_option(six, IPPROTO_IPV6, IPV6_DONTFRAGMENT, 1);
    CHECK(get_option(six, IPPROTO_IPV6, IPV6_DONTFRAGMENT) == 1);
    // IPv4's in network, IPv6's in host byte order.
    set_option(socket, IPPROTO_IP, IP_UNICAST_IF, RtlUlongByteSwap(1));
    set_option(six, IPPROTO_IPV6, IPV6_UNICAST_IF, 1);
    CHECK(get_option(six, IPPROTO_IPV6, IPV6_UNICAST_IF) == 1);
    set_option(socket, IPPROTO_IP, IP_RECVERR, 1);
    CHECK(get_option(six, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    CHECK(get_option(socket, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    ULONG on = 1;
    DO(STATUS_SUCCESS, CONTROL(socket, WskIoctl, SIO_LOOPBACK_FAST_PATH, 0, sizeof on, &on, 0, NULL));
    close_socket(socket);
    close_socket(six);

    // Who may share an address.
    PWSK_SOCKET first = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    PWSK_SOCKET second = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    PWSK_SOCKET third = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    CHECK(get_option(first, SOL_SOCKET, SO_REUSEADDR) == 0);
    set_option(first, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(second, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(third, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    CHECK(get_option(first, SOL_SOCKET, SO_REUSEADDR) == 1 && get_option(first, SOL_SOCKET, SO_EXCLUSIVEADDRUSE) == 0);
    CHECK(get_option(third, SOL_SOCKET, SO_EXCLUSIVEADDRUSE) == 1);
    DO(STATUS_INVALID_PARAMETER,
        CONTROL(third, WskSetOption, SO_REUSEADDR, SOL_SOCKET, sizeof on, &on, 0, NULL));
    set_option(first, SOL_SOCKET, SO_KEEPALIVE, 1);
    SOCKADDR_IN address = loopback(0);
    DO(STATUS_SUCCESS, LISTENER(first)->WskBind(first, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_INVALID_DEVICE_STATE,
        CONTROL(first, WskSetOption, SO_REUSEADDR, SOL_SOCKET, sizeof on, &on, 0, NULL));
    DO(STATUS_SUCCESS, LISTENER(first)->WskGetLocalAddress(first, (PSOCKADDR)&address, irp));
    DO(STATUS_SUCCESS, LISTENER(second)->WskBind(second, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_ADDRESS_ALREADY_EXISTS, LISTENER(third)->WskBind(third, (PSOCKADDR)&address, 0, irp));
    close_socket(second);
    close_socket(third);
    PWSK_SOCKET client = connect_socket(RtlUshortByteSwap(address.sin_port));
    DO(STATUS_SUCCESS, LISTENER(first)->WskAccept(first, 0, NULL, NULL, NULL, NULL, irp));
    PWSK_SOCKET server = (PWSK_SOCKET)information;
    CHECK(get_option(server, SOL_SOCKET, SO_KEEPALIVE) == 1);
    DO(STATUS_INVALID_DEVICE_REQUEST,
        CONTROL(server, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, NULL, sizeof none, &none));
    close_socket(client);
    close_socket(server);
    close_socket(first);
}

static void test_queries(void) {
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    SOCKADDR_IN address = loopback(0);
    SIZE_T size = 0;
    DO(STATUS_SUCCESS, LISTENER(listener)->WskBind(listener, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    PWSK_SOCKET client = connect_socket(RtlUshortByteSwap(address.sin_port));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskAccept(listener, 0, NULL, NULL, NULL, NULL, irp));
    PWSK_SOCKET server = (PWSK_SOCKET)information;
    WSK_BUF data = buffer_of((PVOID) "123456", 6);
    DO(STATUS_SUCCESS, CONNECTION(client)->WskSend(client, &data, 0, irp));
    do {
        DO(STATUS_SUCCESS,
            CONTROL(server, WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0, NULL, sizeof size, &size));
    } while (size < 6);
    CHECK(size == 6 && information == sizeof size);
    DO(STATUS_SUCCESS,
        CONTROL(client, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, 0, NULL, sizeof size, &size));
    CHECK(size >= 65536);
    IoFreeMdl(data.Mdl);
    DO(STATUS_INVALID_DEVICE_STATE,
        CONTROL(listener, WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0, NULL, sizeof size, &size));
    close_socket(client);
    close_socket(server);
    close_socket(listener);

    // Addresses: listed, and sorted for trying.
    PWSK_SOCKET socket = open_datagram(AF_INET);
    DO(STATUS_BUFFER_OVERFLOW, CONTROL(socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, 0, NULL));
    const SIZE_T needed = information;
    PSOCKET_ADDRESS_LIST list = (PSOCKET_ADDRESS_LIST)calloc(1, needed + 256);
    CHECK(list && needed >= sizeof *list);
    DO(STATUS_SUCCESS, CONTROL(socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, needed + 256, list));
    int has_loopback = 0;
    for (INT i = 0; i < list->iAddressCount; i++) {
        const SOCKADDR_IN *found = (const SOCKADDR_IN *)(const void *)list->Address[i].lpSockaddr;
        has_loopback |= found->sin_addr.s_addr == address.sin_addr.s_addr;
    }
    CHECK(has_loopback);
    free(list);
    union {
        SOCKET_ADDRESS_LIST list;
        UCHAR bytes[512];
    } sorted;
    SOCKADDR_IN four = loopback(80);
    SOCKADDR_IN6 six;
    IN6ADDR_SETLOOPBACK(&six);
    memset(&sorted, 0, sizeof sorted);
    sorted.list.iAddressCount = 2;
    sorted.list.Address[0].lpSockaddr = (PSOCKADDR)&four;
    sorted.list.Address[0].iSockaddrLength = sizeof four;
    (&sorted.list.Address[0])[1].lpSockaddr = (PSOCKADDR)&six;
    (&sorted.list.Address[0])[1].iSockaddrLength = sizeof six;
    DO(STATUS_SUCCESS,
        CONTROL(socket, WskIoctl, SIO_ADDRESS_LIST_SORT, 0, sizeof sorted, &sorted, sizeof sorted, &sorted));
    CHECK(sorted.list.iAddressCount == 2);
    CHECK(sorted.list.Address[0].lpSockaddr->sa_family == AF_INET6);
    CHECK((&sorted.list.Address[0])[1].lpSockaddr->sa_family == AF_INET);

    // A wait for others, and its cancel.
    call change;
    begin_call(&change);
    CHECK_STATUS(BASIC(DATAGRAM(socket)) WskControlSocket(
                     socket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL, 0, NULL, NULL, change.irp),
        STATUS_PENDING);
    IoCancelIrp(change.irp);
    CHECK_STATUS(wait_call(&change, STATUS_PENDING), STATUS_CANCELLED);
    end_call(&change);
    close_socket(socket);
}

static WSK_INSPECT_ID inspected;

static WSK_INSPECT_ACTION WSKAPI inspect(PVOID context, PSOCKADDR local, PSOCKADDR remote, PWSK_INSPECT_ID identity) {
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(local);
    UNREFERENCED_PARAMETER(remote);
    inspected = *identity;
    return WskInspectAccept;
}

static NTSTATUS WSKAPI aborted(PVOID context, PWSK_INSPECT_ID identity) {
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(identity);
    return STATUS_SUCCESS;
}

/// An accepted socket tells which inspection it came from.
static void test_inspection(void) {
    static const WSK_CLIENT_LISTEN_DISPATCH dispatch = {NULL, inspect, aborted};
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, &dispatch);
    SOCKADDR_IN address = loopback(0);
    WSK_INSPECT_ID found;
    set_option(listener, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1);
    DO(STATUS_SUCCESS, LISTENER(listener)->WskBind(listener, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    PWSK_SOCKET client = connect_socket(RtlUshortByteSwap(address.sin_port));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskAccept(listener, 0, NULL, NULL, NULL, NULL, irp));
    PWSK_SOCKET server = (PWSK_SOCKET)information;
    DO(STATUS_SUCCESS, CONTROL(server, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, NULL, sizeof found, &found));
    CHECK(found.Key == inspected.Key && found.SerialNumber == inspected.SerialNumber && found.SerialNumber != 0);
    close_socket(client);
    close_socket(server);
    close_socket(listener);
}

/// A destination that datagrams have which name none, seen by layers.
static void test_destination(void) {
    PWSK_SOCKET one = open_datagram(AF_INET), two = open_datagram(AF_INET), three = open_datagram(AF_INET);
    SOCKADDR_INET second = address_of(two), third = address_of(three), from;
    UCHAR byte = 1;
    WSK_BUF data = buffer_of(&byte, 1);
    DO(STATUS_SUCCESS,
        CONTROL(one, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, sizeof second.Ipv4, &second, 0, NULL));
    DO(STATUS_SUCCESS, DATAGRAM(one)->WskSendTo(one, &data, 0, NULL, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskReceiveFrom(two, &data, 0, NULL, NULL, NULL, NULL, irp));
    SOCKADDR_INET own = address_of(one);
    DO(STATUS_SUCCESS, DATAGRAM(three)->WskSendTo(three, &data, 0, (PSOCKADDR)&own, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(one)->WskReceiveFrom(one, &data, 0, (PSOCKADDR)&from, NULL, NULL, NULL, irp));
    CHECK(from.Ipv4.sin_port == third.Ipv4.sin_port);
    // Cleared, a fixed peer is what is left, and it filters.
    DO(STATUS_SUCCESS,
        CONTROL(one, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, sizeof third.Ipv4, &third, 0, NULL));
    DO(STATUS_SUCCESS, CONTROL(one, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, 0, NULL, 0, NULL));
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskSendTo(two, &data, 0, (PSOCKADDR)&own, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(three)->WskSendTo(three, &data, 0, (PSOCKADDR)&own, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(one)->WskReceiveFrom(one, &data, 0, (PSOCKADDR)&from, NULL, NULL, NULL, irp));
    CHECK(from.Ipv4.sin_port == third.Ipv4.sin_port);
    // It keeps its port.
    DO(STATUS_SUCCESS, CONTROL(one, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, 0, NULL, 0, NULL));
    const SOCKADDR_INET now = address_of(one);
    CHECK(now.Ipv4.sin_port == own.Ipv4.sin_port);
    DO(STATUS_SUCCESS, DATAGRAM(two)->WskSendTo(two, &data, 0, (PSOCKADDR)&own, 0, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(one)->WskReceiveFrom(one, &data, 0, (PSOCKADDR)&from, NULL, NULL, NULL, irp));
    CHECK(from.Ipv4.sin_port == second.Ipv4.sin_port);
    IoFreeMdl(data.Mdl);
    close_socket(one);
    close_socket(two);
    close_socket(three);
}

static void refusals(void) {
    PWSK_SOCKET socket = open_datagram(AF_INET);
    PWSK_SOCKET stream = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    PWSK_SOCKET unbound = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    SOCKADDR_IN address = loopback(9);
    union {
        UCHAR bytes[64];
        SIZE_T alignment;
    } room;
    memset(&room, 0, sizeof room);
    static const struct {
        NTSTATUS wanted;
        WSK_CONTROL_SOCKET_TYPE type;
        ULONG code, level, input, output;
    } cases[] = {
        {STATUS_NOT_SUPPORTED, WskIoctl, 0x12345678, 0, 0, 0},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_WSK_SET_TCP_SILENT_MODE, 0, 0, 0},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_QUERY_RSS_SCALABILITY_INFO, 0, 0, 32},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS, 0, 8, 32},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT, 0, 8, 32},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS, 0, 8, 0},
        {STATUS_NOT_SUPPORTED, WskSetOption, SO_WSK_SECURITY, SOL_SOCKET, 8, 0},
        {STATUS_NOT_SUPPORTED, WskGetOption, SO_WSK_SECURITY, SOL_SOCKET, 0, 8},
        {STATUS_NOT_SUPPORTED, WskSetOption, SO_RCVTIMEO, SOL_SOCKET, 4, 0},
        {STATUS_NOT_SUPPORTED, WskSetOption, SO_SNDTIMEO, SOL_SOCKET, 4, 0},
        {STATUS_NOT_SUPPORTED, WskSetOption, SO_CONDITIONAL_ACCEPT, SOL_SOCKET, 4, 0},
        {STATUS_NOT_SUPPORTED, WskSetOption, 0x7777, SOL_SOCKET, 4, 0},
        {STATUS_INVALID_PARAMETER, WskSetOption, SO_RCVBUF, SOL_SOCKET, 2, 0},
        {STATUS_INVALID_PARAMETER, WskSetOption, IP_ECN, IPPROTO_IP, 2, 0},
        {STATUS_INVALID_DEVICE_STATE, WskSetOption, SO_REUSEADDR, SOL_SOCKET, 4, 0},
        {STATUS_BUFFER_OVERFLOW, WskGetOption, IP_DONTFRAGMENT, IPPROTO_IP, 0, 2},
        {STATUS_BUFFER_OVERFLOW, WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0, 4},
        {STATUS_BUFFER_OVERFLOW, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, 4},
        {STATUS_INVALID_DEVICE_REQUEST, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, 16},
        {STATUS_NOT_SUPPORTED, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, 0, 8},
        {STATUS_INVALID_PARAMETER, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, 4, 0},
        {STATUS_INVALID_PARAMETER, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, 1, 0},
        {STATUS_INVALID_PARAMETER, WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0, 24, 0},
        {STATUS_INVALID_PARAMETER, WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0, 24, 16},
        {STATUS_INVALID_PARAMETER, WskIoctl, SIO_ADDRESS_LIST_SORT, 0, 2, 64},
        {STATUS_INVALID_PARAMETER, (WSK_CONTROL_SOCKET_TYPE)9, 1, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        call one;
        begin_call(&one);
        memset(&room, 0, sizeof room);
        const NTSTATUS status = BASIC(DATAGRAM(socket)) WskControlSocket(socket, cases[i].type, cases[i].code,
            cases[i].level, cases[i].input, cases[i].input ? &room : NULL, cases[i].output,
            cases[i].output ? &room : NULL, NULL, one.irp);
        if (status != cases[i].wanted) {
            fprintf(stderr, "case %u: 0x%08x\n", i, (unsigned)status);
            exit(1);
        }
        CHECK_STATUS(wait_call(&one, status), cases[i].wanted);
        end_call(&one);
    }
    // No IRP where one is needed, no buffer where a length says so, and sockets of other kinds and states.
    CHECK_STATUS(BASIC(DATAGRAM(socket)) WskControlSocket(socket, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0,
                     sizeof address, &address, 0, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER);
    CHECK_STATUS(BASIC(DATAGRAM(socket)) WskControlSocket(
                     socket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL, 0, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER);
    DO(STATUS_INVALID_PARAMETER, CONTROL(socket, WskSetOption, SO_RCVBUF, SOL_SOCKET, 4, NULL, 0, NULL));
    DO(STATUS_INVALID_PARAMETER, CONTROL(socket, WskGetOption, SO_RCVBUF, SOL_SOCKET, 0, NULL, 4, NULL));
    DO(STATUS_NOT_SUPPORTED,
        CONTROL(stream, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, sizeof address, &address, 0, NULL));
    DO(STATUS_INVALID_DEVICE_STATE,
        CONTROL(unbound, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, sizeof address, &address, 0, NULL));
    DO(STATUS_INVALID_DEVICE_STATE,
        CONTROL(stream, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, 0, NULL, sizeof room, &room));

    // Ancillary data that can't be sent.
    UCHAR byte = 0;
    WSK_BUF data = buffer_of(&byte, 1);
    ULONG used = 0;
    INT value = 1;
    append(room.bytes, &used, IPPROTO_IP, IP_DONTFRAGMENT, &value, sizeof value);
    DO(STATUS_NOT_SUPPORTED, DATAGRAM(socket)->WskSendTo(
                                 socket, &data, 0, (PSOCKADDR)&address, used, (PCMSGHDR)(PVOID)room.bytes, irp));
    used = 0;
    value = 4;
    append(room.bytes, &used, IPPROTO_IP, IP_ECN, &value, sizeof value);
    DO(STATUS_INVALID_PARAMETER, DATAGRAM(socket)->WskSendTo(
                                     socket, &data, 0, (PSOCKADDR)&address, used, (PCMSGHDR)(PVOID)room.bytes, irp));
    ((PCMSGHDR)(PVOID)room.bytes)->cmsg_len = 4000;
    DO(STATUS_INVALID_PARAMETER, DATAGRAM(socket)->WskSendTo(
                                     socket, &data, 0, (PSOCKADDR)&address, used, (PCMSGHDR)(PVOID)room.bytes, irp));
    IoFreeMdl(data.Mdl);

    // Of the client.
    static const ULONG codes[] = {WSK_CACHE_SD, WSK_RELEASE_SD, WSK_TDI_DEVICENAME_MAPPING, 99};
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        CHECK_STATUS(npi.Dispatch->WskControlClient(
                         npi.Client, codes[i], sizeof room, &room, sizeof room, &room, NULL, NULL),
            STATUS_NOT_SUPPORTED);
    }
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER);
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_TDI_BEHAVIOR, 1, &room, 0, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER);
    close_socket(socket);
    close_socket(stream);
    close_socket(unbound);
}

/// The extension of Tests/Fixtures/layers/extension.c.
static ULONGLONG told;

static void closed(void *context, ULONGLONG sent) {
    CHECK(context == &told);
    told = sent;
}

static void extension(void) {
    static const NPIID counter = {
        0x6f1c2d3e, 0x4a5b, 0x4c6d, {0x8e, 0x7f, 0x90, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5}};
    static const struct {
        void (*closed)(void *context, ULONGLONG sent);
    } own = {closed};
    WSK_EXTENSION_CONTROL_IN asked = {&counter, &told, &own};
    WSK_EXTENSION_CONTROL_OUT offered = {NULL, NULL};
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    SOCKADDR_IN address = loopback(0);
    DO(STATUS_SUCCESS, LISTENER(listener)->WskBind(listener, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    PWSK_SOCKET client = connect_socket(RtlUshortByteSwap(address.sin_port));
    SIZE_T returned = 0;
    CHECK_STATUS(BASIC(CONNECTION(client)) WskControlSocket(client, WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0,
                     sizeof asked, &asked, sizeof offered, &offered, &returned, NULL),
        STATUS_SUCCESS);
    CHECK(returned == sizeof offered && offered.ProviderDispatch);
    WSK_BUF data = buffer_of((PVOID) "seven!!", 7);
    DO(STATUS_SUCCESS, CONNECTION(client)->WskSend(client, &data, 0, irp));
    ULONGLONG (*const sent)(void *) = *(ULONGLONG(*const *)(void *))offered.ProviderDispatch;
    CHECK(sent(offered.ProviderContext) == 7);
    asked.NpiId = &NPI_WSK_INTERFACE_ID;
    CHECK_STATUS(BASIC(CONNECTION(client)) WskControlSocket(client, WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0,
                     sizeof asked, &asked, sizeof offered, &offered, NULL, NULL),
        STATUS_NOT_SUPPORTED);
    IoFreeMdl(data.Mdl);
    close_socket(client);
    CHECK(told == 7);
    close_socket(listener);
}

/// Gives the loopback interface of this network namespace one more address, without the host's headers of sockets.
static int add_address(void) {
    struct {
        char name[16];
        SOCKADDR_IN address;
        UCHAR rest[64];
    } request;
    memset(&request, 0, sizeof request);
    memcpy(request.name, "lo", 2);
    request.address.sin_family = AF_INET;
    request.address.sin_addr.s_addr = RtlUlongByteSwap(0x0a090807);
    const long descriptor = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    const unsigned long set_address = 0x8916;
    const long status = syscall(SYS_ioctl, descriptor, set_address, &request);
    close((int)descriptor);
    return (int)status;
}

static PWSK_SOCKET watched;
static call following;
static NTSTATUS following_status;

static NTSTATUS await_change(PIRP irp) {
    return BASIC(DATAGRAM(watched)) WskControlSocket(
        watched, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL, 0, NULL, NULL, irp);
}

/// Waits for the next change before the one that came has been told.
static NTSTATUS await_next(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    following_status = await_change(following.irp);
    return call_done(device, irp, context);
}

static void addresses(void) {
    watched = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    call changes[2];
    begin_call(&following);
    for (int i = 0; i < 2; i++) {
        begin_call(&changes[i]);
        if (i == 0) IoSetCompletionRoutine(changes[i].irp, await_next, &changes[i], TRUE, TRUE, TRUE);
        CHECK_STATUS(await_change(changes[i].irp), STATUS_PENDING);
    }
    CHECK(add_address() == 0);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(wait_call(&changes[i], STATUS_PENDING), STATUS_SUCCESS);
        end_call(&changes[i]);
    }
    UCHAR room[256];
    DO(STATUS_SUCCESS, CONTROL(watched, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, sizeof room, room));
    // A change ends what waited when it came; closing ends the rest.
    CHECK_STATUS(following_status, STATUS_PENDING);
    close_socket(watched);
    CHECK_STATUS(wait_call(&following, following_status), STATUS_CANCELLED);
    end_call(&following);
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    // CLONE_NEWUSER and CLONE_NEWNET, while there is one thread.
    if (strcmp(what, "addresses") == 0 && syscall(SYS_unshare, 0x10000000 | 0x40000000) != 0) {
        puts("forbidden");
        return 0;
    }
    begin_client();
    if (strcmp(what, "refusals") == 0) {
        refusals();
    } else if (strcmp(what, "extension") == 0) {
        extension();
    } else if (strcmp(what, "addresses") == 0) {
        addresses();
    } else {
        test_options();
        test_queries();
        test_inspection();
        test_destination();
    }
    end_client();
    puts("done");
    return 0;
}
