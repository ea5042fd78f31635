// Runs the functions of the documents, which the test put into three headers.
#include "check.h"

#include "datagram.h"
#include "connect.h"
#include "send.h"

#include "peer.h"

/// Two MDLs of which "Lamina" is sent from an offset of one byte.
static char first[] = "-Lam", second[] = "ina and more";

static WSK_BUF make_buffer(void) {
    WSK_BUF buffer = {make_mdl(first, 4), 1, 6};
    buffer.Mdl->Next = make_mdl(second, 9);
    return buffer;
}

static void free_buffer(WSK_BUF *buffer) {
    IoFreeMdl(buffer->Mdl->Next);
    IoFreeMdl(buffer->Mdl);
}

int main(void) {
    char got[16];
    USHORT port;
    begin_client();

    WSK_BUF buffer = make_buffer();
    int peer = peer_open(SOCK_DGRAM, &port);
    SOCKADDR_IN address = loopback(port);
    PWSK_SOCKET socket = open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    bind_socket(socket, 0);
    NTSTATUS status = SendDatagram(socket, &buffer, (PSOCKADDR)&address);
    CHECK(status == STATUS_SUCCESS || status == STATUS_PENDING);
    CHECK(read(peer, got, sizeof got) == 6 && memcmp(got, "Lamina", 6) == 0);
    close_socket(socket);
    close(peer);

    peer = peer_open(SOCK_STREAM, &port);
    address = loopback(port);
    socket = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    bind_socket(socket, 0);
    status = ConnectSocket(socket, (PSOCKADDR)&address);
    CHECK(status == STATUS_SUCCESS || status == STATUS_PENDING);
    const int accepted = accept(peer, NULL, NULL);
    CHECK(accepted >= 0);
    // The document's routine only frees the IRP, so the first send that succeeds says that it has run.
    while ((status = SendData(socket, &buffer)) == STATUS_INVALID_DEVICE_STATE) {
    }
    CHECK(status == STATUS_SUCCESS || status == STATUS_PENDING);
    CHECK(peer_read(accepted, got, 6) == 6 && memcmp(got, "Lamina", 6) == 0);
    close_socket(socket);
    close(accepted);
    close(peer);
    free_buffer(&buffer);

    end_client();
    puts("done");
    return 0;
}
