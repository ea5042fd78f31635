// Wrong use: each gets a documented status, or, named on the command line, ends the program with a line that says why.
#include "check.h"
#include "peer.h"

#include <sys/wait.h>

/// Makes a call with an IRP of its own, which completes with what the call returns.
#define REFUSED(wanted, function_call)                                                                                 \
    do {                                                                                                               \
        call one;                                                                                                      \
        begin_call(&one);                                                                                              \
        const PIRP irp = one.irp;                                                                                      \
        const NTSTATUS returned = function_call;                                                                       \
        CHECK_STATUS(returned, (wanted));                                                                              \
        CHECK_STATUS(wait_call(&one, returned), (wanted));                                                             \
        end_call(&one);                                                                                                \
    } while (0)

static char bytes[16];

static void statuses(void) {
    USHORT port;
    const int peer = peer_open(SOCK_STREAM, &port);
    SOCKADDR_IN address = loopback(port), strange = loopback(port);
    strange.sin_family = 77;
    begin_client();

    // Opening.
    REFUSED(STATUS_PROTOCOL_UNREACHABLE, npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, 0,
                                             WSK_FLAG_CONNECTION_SOCKET, NULL, NULL, NULL, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, 3, NULL,
                                          NULL, NULL, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                          WSK_FLAG_CONNECTION_SOCKET, NULL, NULL, NULL, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, npi.Dispatch->WskSocket(NULL, AF_INET, SOCK_STREAM, IPPROTO_TCP,
                                          WSK_FLAG_CONNECTION_SOCKET, NULL, NULL, NULL, NULL, NULL, irp));
    CHECK_STATUS(npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET,
                     NULL, NULL, NULL, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER);

    // States and addresses.
    PWSK_SOCKET socket = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    REFUSED(STATUS_INVALID_DEVICE_STATE, CONNECTION(socket)->WskConnect(socket, (PSOCKADDR)&address, 0, irp));
    REFUSED(STATUS_INVALID_DEVICE_STATE, CONNECTION(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&strange, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskBind(socket, NULL, 0, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskBind(socket, (PSOCKADDR)&address, 1, irp));
    strange.sin_family = 77;
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskBind(socket, (PSOCKADDR)&strange, 0, irp));
    REFUSED(STATUS_ADDRESS_ALREADY_EXISTS, CONNECTION(socket)->WskBind(socket, (PSOCKADDR)&address, 0, irp));
    bind_socket(socket, 0);
    REFUSED(STATUS_INVALID_DEVICE_STATE, CONNECTION(socket)->WskBind(socket, (PSOCKADDR)&address, 0, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskConnect(socket, (PSOCKADDR)&address, 8, irp));
    WSK_BUF data = {make_mdl(bytes, 16), 0, 16};
    REFUSED(STATUS_INVALID_DEVICE_STATE, CONNECTION(socket)->WskReceive(socket, &data, 0, irp));
    close_socket(socket);

    // Buffers and flags.
    socket = connect_socket(port);
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, NULL, 0, irp));
    data.Length = 17;
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, &data, 0, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskReceive(socket, &data, 0, irp));
    data.Length = (SIZE_T)-1;
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, &data, 0, irp));
    data.Length = 1;
    data.Offset = 16;
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, &data, 0, irp));
    data.Offset = 17;
    data.Length = 0;
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, &data, 0, irp));
    WSK_BUF none = {NULL, 0, 4};
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskSend(socket, &none, 0, irp));
    data.Offset = 0;
    data.Length = 4;
    REFUSED(STATUS_NOT_SUPPORTED, CONNECTION(socket)->WskSend(socket, &data, 0x100, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskReceive(socket, &data, 0x100, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskReceive(socket, &data, WSK_FLAG_DRAIN, irp));
    REFUSED(STATUS_INVALID_PARAMETER,
        CONNECTION(socket)->WskReceive(socket, &data, WSK_FLAG_DRAIN | WSK_FLAG_WAITALL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskDisconnect(socket, &data, WSK_FLAG_ABORTIVE, irp));
    REFUSED(STATUS_INVALID_PARAMETER, CONNECTION(socket)->WskDisconnect(socket, NULL, 2, irp));
    REFUSED(STATUS_INVALID_DEVICE_STATE, CONNECTION(socket)->WskConnect(socket, (PSOCKADDR)&address, 0, irp));

    // Control codes.
    int value = 0;
    SIZE_T returned = 0;
    REFUSED(STATUS_NOT_SUPPORTED, BASIC(CONNECTION(socket)) WskControlSocket(
                                      socket, WskIoctl, 0x12345678, 0, 0, NULL, 0, NULL, NULL, irp));
    REFUSED(STATUS_NOT_SUPPORTED, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskSetOption, 0x7ffe, SOL_SOCKET,
                                      sizeof value, &value, 0, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, BASIC(CONNECTION(socket)) WskControlSocket(
                                          socket, WskSetOption, SO_KEEPALIVE, SOL_SOCKET, 4, NULL, 0, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, BASIC(CONNECTION(socket)) WskControlSocket(socket,
                                          (WSK_CONTROL_SOCKET_TYPE)9, 1, 1, 0, NULL, 0, NULL, NULL, irp));
    REFUSED(STATUS_BUFFER_OVERFLOW, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskIoctl,
                                        SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0, NULL, 2, &value, NULL, irp));
    CHECK_STATUS(BASIC(CONNECTION(socket)) WskControlSocket(
                     socket, WskGetOption, SO_TYPE, SOL_SOCKET, 0, NULL, sizeof value, &value, &returned, NULL),
        STATUS_SUCCESS);
    CHECK(value == SOCK_STREAM && returned == sizeof value);
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_ACCEPT};
    REFUSED(STATUS_NOT_SUPPORTED, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                      SOL_SOCKET, sizeof control, &control, 0, NULL, NULL, irp));
    control.EventMask = WSK_EVENT_RECEIVE;
    REFUSED(STATUS_INVALID_PARAMETER, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskSetOption,
                                          SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof control, &control, 0, NULL, NULL, irp));
    control.EventMask = WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE;
    REFUSED(STATUS_INVALID_PARAMETER, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskSetOption,
                                          SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof control, &control, 0, NULL, NULL, irp));

    // Another category's calls.
    PWSK_SOCKET datagrams = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    PWSK_SOCKET basic = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_BASIC_SOCKET, NULL, NULL);
    REFUSED(STATUS_NOT_SUPPORTED, CONNECTION(socket)->WskSend(datagrams, &data, 0, irp));
    REFUSED(STATUS_NOT_SUPPORTED, CONNECTION(socket)->WskConnect(datagrams, (PSOCKADDR)&address, 0, irp));
    REFUSED(STATUS_NOT_SUPPORTED, DATAGRAM(datagrams)->WskSendTo(socket, &data, 0, (PSOCKADDR)&address, 0, NULL, irp));
    REFUSED(STATUS_NOT_SUPPORTED, CONNECTION(basic)->WskBind(basic, (PSOCKADDR)&address, 0, irp));
    REFUSED(STATUS_NOT_SUPPORTED, BASIC(CONNECTION(socket)) WskControlSocket(socket, WskIoctl,
                                      SIO_WSK_SET_SENDTO_ADDRESS, 0, sizeof address, &address, 0, NULL, NULL, irp));
    REFUSED(STATUS_INVALID_PARAMETER, DATAGRAM(datagrams)->WskSendTo(datagrams, &data, 1, (PSOCKADDR)&address, 0, NULL, irp));
    close_socket(datagrams);
    close_socket(basic);

    // After close, with the socket's own table.
    const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch = CONNECTION(socket);
    close_socket(socket);
    CHECK(CONNECTION(socket) == dispatch);
    REFUSED(STATUS_FILE_FORCED_CLOSED, dispatch->WskSend(socket, &data, 0, irp));
    REFUSED(STATUS_FILE_FORCED_CLOSED, BASIC(dispatch) WskCloseSocket(socket, irp));
    CHECK_STATUS(dispatch->WskSend(socket, &data, 0, NULL), STATUS_INVALID_PARAMETER);
    IoFreeMdl(data.Mdl);
    close(peer);

    WSK_REGISTRATION other;
    WSK_PROVIDER_NPI unused;
    const WSK_CLIENT_DISPATCH future = {MAKE_WSK_VERSION(2, 0), 0, NULL};
    WSK_CLIENT_NPI client = {NULL, &future};
    CHECK_STATUS(WskRegister(&client, &other), STATUS_SUCCESS);
    CHECK_STATUS(WskCaptureProviderNPI(&other, WSK_NO_WAIT, &unused), STATUS_NOINTERFACE);
    WskDeregister(&other);
    CHECK_STATUS(WskCaptureProviderNPI(&other, WSK_NO_WAIT, &unused), STATUS_DEVICE_NOT_READY);
    end_client();
    puts("done");
}

// Traps.

static KEVENT event;
static NTSTATUS answer_success(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    (void)device;
    (void)irp;
    (void)context;
    return STATUS_SUCCESS;
}

static NTSTATUS wait_inside(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    (void)device;
    (void)irp;
    if (context && fork() != 0) {
        int status = 0;
        wait(&status);
        _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? 0 : 1);
    }
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PWSK_SOCKET pending_receive(PIRP irp) {
    static WSK_BUF room;
    USHORT port;
    peer_open(SOCK_STREAM, &port);
    begin_client();
    const PWSK_SOCKET socket = connect_socket(port);
    room.Mdl = make_mdl(bytes, 16);
    room.Length = 16;
    static call one;
    KeInitializeEvent(&one.done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(irp, call_done, &one, TRUE, TRUE, TRUE);
    CHECK_STATUS(CONNECTION(socket)->WskReceive(socket, &room, 0, irp), STATUS_PENDING);
    return socket;
}

static void trap(const char *name) {
    PIRP irp = IoAllocateIrp(1, FALSE);
    KSPIN_LOCK lock;
    KIRQL old;
    SOCKADDR_IN address = loopback(0);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeInitializeSpinLock(&lock);
    if (!strcmp(name, "twice")) {
        const PWSK_SOCKET socket = pending_receive(irp);
        CONNECTION(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&address, irp);
    } else if (!strcmp(name, "complete")) {
        pending_receive(irp);
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    } else if (!strcmp(name, "reuse")) {
        pending_receive(irp);
        IoReuseIrp(irp, STATUS_SUCCESS);
    } else if (!strcmp(name, "free-owned")) {
        pending_receive(irp);
        IoFreeIrp(irp);
    } else if (!strcmp(name, "free-twice")) {
        IoFreeIrp(irp);
        IoFreeIrp(irp);
    } else if (!strcmp(name, "pool")) {
        PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 10, 'xxxx');
        ExFreePool(block);
        ExFreePool(block);
    } else if (!strcmp(name, "routine") || !strcmp(name, "wait-inside") || !strcmp(name, "fork")) {
        begin_client();
        IoSetCompletionRoutine(irp, !strcmp(name, "routine") ? answer_success : wait_inside,
            !strcmp(name, "fork") ? irp : NULL, TRUE, TRUE, TRUE);
        npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL,
            NULL, NULL, NULL, irp);
    } else if (!strcmp(name, "wait-locked")) {
        KeAcquireSpinLock(&lock, &old);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    } else if (!strcmp(name, "spin")) {
        KeAcquireSpinLock(&lock, &old);
        KeAcquireSpinLock(&lock, &old);
    } else if (!strcmp(name, "release")) {
        static WSK_DATA_INDICATION none;
        USHORT port;
        peer_open(SOCK_STREAM, &port);
        begin_client();
        const PWSK_SOCKET socket = connect_socket(port);
        CONNECTION(socket)->WskRelease(socket, &none);
    } else if (!strcmp(name, "paged")) {
        KeAcquireSpinLock(&lock, &old);
        PAGED_CODE();
    } else if (!strcmp(name, "register")) {
        WSK_CLIENT_NPI client = {NULL, &client_dispatch};
        KeAcquireSpinLock(&lock, &old);
        (void)WskRegister(&client, &registration);
    } else if (!strcmp(name, "locked-mdl")) {
        PMDL mdl = IoAllocateMdl(bytes, 4, FALSE, FALSE, NULL);
        MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
        IoFreeMdl(mdl);
    }
    _exit(3);
}

int main(int count, char **arguments) {
    if (count == 2) {
        trap(arguments[1]);
    } else {
        statuses();
    }
    return 0;
}
