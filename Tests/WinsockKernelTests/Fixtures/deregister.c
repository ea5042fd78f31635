// A deregister with a deadline: it names what is left, and closes it if it is told to.
#include "check.h"

__attribute__((noinline)) PWSK_SOCKET make_listener(void) {
    call one;
    begin_call(&one);
    const NTSTATUS status = npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP,
        WSK_FLAG_LISTEN_SOCKET, NULL, NULL, NULL, NULL, NULL, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    const PWSK_SOCKET socket = (PWSK_SOCKET)one.irp->IoStatus.Information;
    end_call(&one);
    SOCKADDR_IN address = loopback(0);
    DO(STATUS_SUCCESS, LISTENER(socket)->WskBind(socket, (PSOCKADDR)&address, 0, irp));
    return socket;
}

__attribute__((noinline)) PWSK_SOCKET make_client(PSOCKADDR there) {
    SOCKADDR_IN any = loopback(0);
    call one;
    begin_call(&one);
    const NTSTATUS status = npi.Dispatch->WskSocketConnect(
        npi.Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)&any, there, 0, NULL, NULL, NULL, NULL, NULL, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    const PWSK_SOCKET socket = (PWSK_SOCKET)one.irp->IoStatus.Information;
    end_call(&one);
    return socket;
}

int main(void) {
    CHECK_STATUS(WskDeregisterWithin(&registration, 1, FALSE), STATUS_INVALID_PARAMETER);
    begin_client();
    PWSK_SOCKET listener = make_listener();
    SOCKADDR_IN address;
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    PWSK_SOCKET client = make_client((PSOCKADDR)&address);
    char byte;
    WSK_BUF room = buffer_of(&byte, 1);
    call receiving, change;
    begin_call(&receiving);
    CHECK_STATUS(CONNECTION(client)->WskReceive(client, &room, 0, receiving.irp), STATUS_PENDING);
    begin_call(&change);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, change.irp),
        STATUS_PENDING);
    CHECK_STATUS(WskDeregisterWithin(&registration, 20, FALSE), STATUS_IO_TIMEOUT);
    // What waits for the transports ends with the client; the sockets still work, and nobody captures any more.
    CHECK_STATUS(wait_call(&change, STATUS_PENDING), STATUS_CANCELLED);
    WSK_PROVIDER_NPI again;
    CHECK_STATUS(WskCaptureProviderNPI(&registration, WSK_NO_WAIT, &again), STATUS_DEVICE_NOT_READY);
    DO(STATUS_SUCCESS, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, irp));
    CHECK_STATUS(WskDeregisterWithin(&registration, 20, TRUE), STATUS_SUCCESS);
    CHECK_STATUS(wait_call(&receiving, STATUS_PENDING), STATUS_CANCELLED);
    DO(STATUS_FILE_FORCED_CLOSED, CONNECTION(client)->WskReceive(client, &room, 0, irp));
    CHECK_STATUS(WskDeregisterWithin(&registration, 20, TRUE), STATUS_INVALID_PARAMETER);
    end_call(&receiving);
    end_call(&change);
    IoFreeMdl(room.Mdl);
    // With nothing left it needs no time.
    begin_client();
    WskReleaseProviderNPI(&registration);
    CHECK_STATUS(WskDeregisterWithin(&registration, 0, FALSE), STATUS_SUCCESS);
    puts("done");
    return 0;
}
