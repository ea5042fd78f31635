// Requests: every function that takes an IRP, on real sockets.
#include "check.h"
#include "peer.h"

#define STREAM(socket) ((const WSK_PROVIDER_STREAM_DISPATCH *)(socket)->Dispatch)

static USHORT port_of(PWSK_SOCKET socket) {
    SOCKADDR_IN address;
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&address, irp));
    return RtlUshortByteSwap(address.sin_port);
}

static void test_connections(void) {
    char sent[] = "abcdefghij", got[32];
    SOCKADDR_IN local, remote, there;
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    SOCKADDR_IN address = loopback(0);
    DO(STATUS_SUCCESS, LISTENER(listener)->WskBind(listener, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));

    call accepting;
    begin_call(&accepting);
    const NTSTATUS pending = LISTENER(listener)->WskAccept(
        listener, 0, NULL, NULL, (PSOCKADDR)&local, (PSOCKADDR)&remote, accepting.irp);
    CHECK_STATUS(pending, STATUS_PENDING);
    SOCKADDR_IN any = loopback(0);
    DO(STATUS_SUCCESS, npi.Dispatch->WskSocketConnect(npi.Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)&any,
                           (PSOCKADDR)&address, 0, NULL, NULL, NULL, NULL, NULL, irp));
    PWSK_SOCKET client = (PWSK_SOCKET)information;
    CHECK_STATUS(wait_call(&accepting, pending), STATUS_SUCCESS);
    PWSK_SOCKET server = (PWSK_SOCKET)accepting.irp->IoStatus.Information;
    end_call(&accepting);
    CHECK(local.sin_port == address.sin_port);
    DO(STATUS_SUCCESS, CONNECTION(client)->WskGetLocalAddress(client, (PSOCKADDR)&there, irp));
    CHECK(remote.sin_port == there.sin_port && remote.sin_addr.s_addr == there.sin_addr.s_addr);
    DO(STATUS_SUCCESS, CONNECTION(client)->WskGetRemoteAddress(client, (PSOCKADDR)&there, irp));
    CHECK(there.sin_port == address.sin_port);

    // Two receives are filled in order; one waits for all.
    WSK_BUF data = buffer_of(sent, 10), first = buffer_of(got, 4), rest = buffer_of(got + 4, 6);
    call one, two;
    begin_call(&one);
    begin_call(&two);
    const NTSTATUS of_one = CONNECTION(server)->WskReceive(server, &first, 0, one.irp);
    const NTSTATUS of_two = CONNECTION(server)->WskReceive(server, &rest, WSK_FLAG_WAITALL, two.irp);
    CHECK(of_one == STATUS_PENDING && of_two == STATUS_PENDING);
    data.Length = 7;
    DO(STATUS_SUCCESS, CONNECTION(client)->WskSend(client, &data, WSK_FLAG_NODELAY, irp));
    CHECK(information == 7);
    CHECK_STATUS(wait_call(&one, of_one), STATUS_SUCCESS);
    CHECK(one.irp->IoStatus.Information == 4 && ReadAcquire(&two.completions) == 0);
    data.Offset = 7;
    data.Length = 3;
    DO(STATUS_SUCCESS, CONNECTION(client)->WskDisconnect(client, &data, 0, irp));
    CHECK_STATUS(wait_call(&two, of_two), STATUS_SUCCESS);
    CHECK(two.irp->IoStatus.Information == 6 && memcmp(got, "abcdefghij", 10) == 0);
    end_call(&one);
    end_call(&two);
    // The peer has ended: every receive gets success and nothing.
    for (int i = 0; i < 2; i++) {
        DO(STATUS_SUCCESS, CONNECTION(server)->WskReceive(server, &first, 0, irp));
        CHECK(information == 0);
    }
    WSK_BUF nothing = {NULL, 0, 0};
    DO(STATUS_SUCCESS, CONNECTION(server)->WskReceive(server, &nothing, WSK_FLAG_DRAIN, irp));
    IoFreeMdl(data.Mdl);
    IoFreeMdl(first.Mdl);
    IoFreeMdl(rest.Mdl);
    close_socket(client);
    close_socket(server);

    // A close completes what waits, and then itself.
    begin_call(&accepting);
    CHECK_STATUS(LISTENER(listener)->WskAccept(listener, 0, NULL, NULL, NULL, NULL, accepting.irp), STATUS_PENDING);
    close_socket(listener);
    CHECK(ReadAcquire(&accepting.completions) == 1);
    CHECK_STATUS(wait_call(&accepting, STATUS_PENDING), STATUS_CANCELLED);
    end_call(&accepting);
}

static void test_streams_and_cancel(void) {
    char got[8];
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_STREAM_SOCKET, NULL, NULL);
    PWSK_SOCKET client = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_STREAM_SOCKET, NULL, NULL);
    SOCKADDR_IN address = loopback(0);
    DO(STATUS_SUCCESS, STREAM(listener)->WskBind(listener, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, STREAM(listener)->WskListen(listener, irp));
    DO(STATUS_SUCCESS, STREAM(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    SOCKADDR_IN any = loopback(0);
    DO(STATUS_SUCCESS, STREAM(client)->WskBind(client, (PSOCKADDR)&any, 0, irp));
    DO(STATUS_SUCCESS, STREAM(client)->WskConnect(client, (PSOCKADDR)&address, 0, irp));
    DO(STATUS_SUCCESS, STREAM(listener)->WskAccept(listener, 0, NULL, NULL, NULL, NULL, irp));
    PWSK_SOCKET server = (PWSK_SOCKET)information;

    WSK_BUF room = buffer_of(got, sizeof got);
    call one;
    begin_call(&one);
    CHECK_STATUS(CONNECTION(server)->WskReceive(server, &room, 0, one.irp), STATUS_PENDING);
    CHECK(IoCancelIrp(one.irp));
    CHECK_STATUS(wait_call(&one, STATUS_PENDING), STATUS_CANCELLED);
    again(&one);
    // Cancelled before it began.
    IoCancelIrp(one.irp);
    CHECK_STATUS(wait_call(&one, CONNECTION(server)->WskReceive(server, &room, 0, one.irp)), STATUS_CANCELLED);
    end_call(&one);

    SIZE_T unread = 99, backlog = 0;
    WSK_BUF data = buffer_of((PVOID) "123", 3);
    DO(STATUS_SUCCESS, STREAM(client)->WskSend(client, &data, 0, irp));
    DO(STATUS_SUCCESS, CONNECTION(server)->WskReceive(server, &room, 0, irp));
    CHECK(information == 3);
    DO(STATUS_SUCCESS, BASIC(CONNECTION(server)) WskControlSocket(server, WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0,
                           NULL, sizeof unread, &unread, NULL, irp));
    CHECK(unread == 0 && information == sizeof unread);
    DO(STATUS_SUCCESS, BASIC(CONNECTION(server)) WskControlSocket(server, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0,
                           0, NULL, sizeof backlog, &backlog, NULL, irp));
    CHECK(backlog >= 65536);
    DO(STATUS_SUCCESS, CONNECTION(server)->WskDisconnect(server, NULL, WSK_FLAG_ABORTIVE, irp));
    DO(STATUS_CONNECTION_RESET, STREAM(client)->WskReceive(client, &room, 0, irp));
    IoFreeMdl(room.Mdl);
    IoFreeMdl(data.Mdl);
    close_socket(server);
    close_socket(client);
    close_socket(listener);
}

static void test_datagrams(void) {
    char got[64], control_room[128];
    USHORT peer_port;
    SOCKADDR_IN from;
    const int peer = peer_open(SOCK_DGRAM, &peer_port);
    SOCKADDR_IN there = loopback(peer_port);
    PWSK_SOCKET socket = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    WSK_BUF data = buffer_of((PVOID) "hello", 5), room = buffer_of(got, 4);
    DO(STATUS_INVALID_DEVICE_STATE, DATAGRAM(socket)->WskSendTo(socket, &data, 0, (PSOCKADDR)&there, 0, NULL, irp));
    bind_socket(socket, 0);
    DO(STATUS_INVALID_DEVICE_STATE, DATAGRAM(socket)->WskSendTo(socket, &data, 0, NULL, 0, NULL, irp));

    // A destination that datagrams have which name none.
    DO(STATUS_SUCCESS, BASIC(DATAGRAM(socket)) WskControlSocket(socket, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0,
                           sizeof there, &there, 0, NULL, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskSendTo(socket, &data, 0, NULL, 0, NULL, irp));
    CHECK(information == 5 && read(peer, got, sizeof got) == 5);
    DO(STATUS_SUCCESS, BASIC(DATAGRAM(socket)) WskControlSocket(
                           socket, WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, 0, NULL, 0, NULL, NULL, irp));
    DO(STATUS_INVALID_DEVICE_STATE, DATAGRAM(socket)->WskSendTo(socket, &data, 0, NULL, 0, NULL, irp));

    // Several with one call.
    WSK_BUF_LIST list[2] = {{&list[1], data}, {NULL, data}};
    list[1].Buffer.Length = 2;
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskSendMessages(socket, list, 0, (PSOCKADDR)&there, 0, NULL, irp));
    CHECK(information == 7 && read(peer, got, sizeof got) == 5 && read(peer, got, sizeof got) == 2);

    // A datagram that is too long, with its sender and ancillary data.
    int on = 1;
    DO(STATUS_SUCCESS, BASIC(DATAGRAM(socket)) WskControlSocket(
                           socket, WskSetOption, IP_PKTINFO, IPPROTO_IP, sizeof on, &on, 0, NULL, NULL, irp));
    SOCKADDR_IN here = loopback(port_of(socket));
    CHECK(sendto(peer, "123456", 6, 0, (struct sockaddr *)&here, sizeof here) == 6);
    ULONG length = sizeof control_room, flags = 0;
    DO(STATUS_BUFFER_OVERFLOW, DATAGRAM(socket)->WskReceiveFrom(socket, &room, 0, (PSOCKADDR)&from, &length,
                                   (PCMSGHDR)(PVOID)control_room, &flags, irp));
    CHECK(information == 4 && from.sin_port == there.sin_port && flags == MSG_TRUNC);
    const PCMSGHDR header = (PCMSGHDR)(PVOID)control_room;
    CHECK(length >= WSA_CMSG_LEN(sizeof(IN_PKTINFO)) && header->cmsg_level == IPPROTO_IP
        && header->cmsg_type == IP_PKTINFO);
    CHECK(((IN_PKTINFO *)(PVOID)WSA_CMSG_DATA(header))->ipi_addr.s_addr == here.sin_addr.s_addr);

    // A fixed peer, and one that pends with no outputs.
    DO(STATUS_SUCCESS, BASIC(DATAGRAM(socket)) WskControlSocket(
                           socket, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, sizeof there, &there, 0, NULL, NULL, irp));
    DO(STATUS_SUCCESS, DATAGRAM(socket)->WskSendTo(socket, &data, 0, NULL, 0, NULL, irp));
    CHECK(read(peer, got, sizeof got) == 5);
    call one;
    begin_call(&one);
    const NTSTATUS status = DATAGRAM(socket)->WskReceiveFrom(socket, &room, 0, NULL, NULL, NULL, NULL, one.irp);
    CHECK_STATUS(status, STATUS_PENDING);
    CHECK(sendto(peer, "ok", 2, 0, (struct sockaddr *)&here, sizeof here) == 2);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    CHECK(one.irp->IoStatus.Information == 2 && memcmp(got, "ok", 2) == 0);
    end_call(&one);
    DO(STATUS_SUCCESS, BASIC(DATAGRAM(socket)) WskControlSocket(
                           socket, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, 0, NULL, 0, NULL, NULL, irp));
    DO(STATUS_INVALID_DEVICE_STATE, DATAGRAM(socket)->WskSendTo(socket, &data, 0, NULL, 0, NULL, irp));
    close_socket(socket);
    IoFreeMdl(data.Mdl);
    IoFreeMdl(room.Mdl);
    close(peer);
}

/// A connect that nobody answers ends with a cancel, and with a close, at once.
static void test_unanswered(void) {
    USHORT port;
    const int peer = peer_open(SOCK_STREAM, &port);
    int fillers[8];
    // A full queue of connections answers no more.
    CHECK(listen(peer, 0) == 0);
    SOCKADDR_IN there = loopback(port);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        CHECK(connect(fillers[i], (struct sockaddr *)&there, sizeof there) < 0 || i == 0);
    }
    for (int closes = 0; closes < 2; closes++) {
        PWSK_SOCKET socket = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
        bind_socket(socket, 0);
        call one;
        begin_call(&one);
        CHECK_STATUS(CONNECTION(socket)->WskConnect(socket, (PSOCKADDR)&there, 0, one.irp), STATUS_PENDING);
        if (closes) {
            close_socket(socket);
        } else {
            CHECK(IoCancelIrp(one.irp));
        }
        CHECK_STATUS(wait_call(&one, STATUS_PENDING), STATUS_CANCELLED);
        end_call(&one);
        if (!closes) {
            close_socket(socket);
        }
    }
    for (int i = 0; i < 8; i++) {
        close(fillers[i]);
    }
    close(peer);
}

static void test_names(void) {
    WCHAR localhost[] = {'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0}, port[] = {'8', '0', 0}, room[64], number[8];
    UNICODE_STRING node, service, name, text;
    PADDRINFOEXW list = NULL;
    ADDRINFOEXW hints;
    SOCKADDR_IN address = loopback(7);
    RtlInitUnicodeString(&node, localhost);
    RtlInitUnicodeString(&service, port);
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    DO(STATUS_SUCCESS, npi.Dispatch->WskGetAddressInfo(
                           npi.Client, &node, &service, NS_ALL, NULL, &hints, &list, NULL, NULL, irp));
    CHECK(list && list->ai_family == AF_INET && list->ai_socktype == SOCK_STREAM && list->ai_protocol == IPPROTO_TCP);
    CHECK(((PSOCKADDR_IN)(PVOID)list->ai_addr)->sin_port == RtlUshortByteSwap(80));
    CHECK(((PSOCKADDR_IN)(PVOID)list->ai_addr)->sin_addr.s_addr == address.sin_addr.s_addr);
    npi.Dispatch->WskFreeAddressInfo(npi.Client, list);
    hints.ai_flags = AI_NUMERICHOST;
    DO(STATUS_NO_MATCH, npi.Dispatch->WskGetAddressInfo(
                            npi.Client, &node, &service, NS_ALL, NULL, &hints, &list, NULL, NULL, irp));
    DO(STATUS_INVALID_PARAMETER,
        npi.Dispatch->WskGetAddressInfo(npi.Client, NULL, NULL, NS_ALL, NULL, NULL, &list, NULL, NULL, irp));

    RtlInitEmptyUnicodeString(&name, room, sizeof room);
    RtlInitEmptyUnicodeString(&text, number, sizeof number);
    DO(STATUS_SUCCESS, npi.Dispatch->WskGetNameInfo(npi.Client, (PSOCKADDR)&address, sizeof address, &name, &text,
                           NI_NUMERICHOST | NI_NUMERICSERV, NULL, NULL, irp));
    CHECK(name.Length == 18 && name.Buffer[0] == '1' && name.Buffer[8] == '1' && text.Length == 2 && number[0] == '7');
}

static void test_client(void) {
    WSK_PROVIDER_CHARACTERISTICS versions;
    SIZE_T size = 0;
    WSK_TRANSPORT rows[16];
    ULONG bypass = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    CHECK_STATUS(WskQueryProviderCharacteristics(&registration, &versions), STATUS_SUCCESS);
    CHECK(versions.LowestVersion == MAKE_WSK_VERSION(1, 0) && versions.HighestVersion >= versions.LowestVersion);
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &size, NULL),
        STATUS_BUFFER_OVERFLOW);
    CHECK(size > 0 && size <= sizeof rows);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL, sizeof rows, rows, &size, NULL),
        STATUS_SUCCESS);
    CHECK(rows[0].SocketType == SOCK_STREAM && rows[0].Protocol == IPPROTO_TCP && rows[0].ProviderId.Data1 != 0);
    CHECK_STATUS(npi.Dispatch->WskControlClient(
                     npi.Client, WSK_TDI_BEHAVIOR, sizeof bypass, &bypass, 0, NULL, NULL, NULL),
        STATUS_SUCCESS);
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_CACHE_SD, 0, NULL, 0, NULL, NULL, NULL),
        STATUS_NOT_SUPPORTED);
    call change;
    begin_call(&change);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, change.irp),
        STATUS_PENDING);
    CHECK(IoCancelIrp(change.irp));
    CHECK_STATUS(wait_call(&change, STATUS_PENDING), STATUS_CANCELLED);
    end_call(&change);
}

int main(void) {
    begin_client();
    test_client();
    test_connections();
    test_streams_and_cancel();
    test_datagrams();
    test_unanswered();
    test_names();
    // A failed connect, and a connect in one call of which nothing is left.
    USHORT port;
    close(peer_open(SOCK_DGRAM, &port));
    SOCKADDR_IN nobody = loopback(port), any = loopback(0);
    DO(STATUS_CONNECTION_REFUSED, npi.Dispatch->WskSocketConnect(npi.Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)&any,
                                      (PSOCKADDR)&nobody, 0, NULL, NULL, NULL, NULL, NULL, irp));
    end_client();
    puts("done");
    return 0;
}
