// The dispatch tables.
#include "wsk_internal.h"

const NPIID NPI_WSK_INTERFACE_ID = {0x2227e803, 0x8d8b, 0x11d4, {0xab, 0xad, 0x00, 0x90, 0x27, 0x71, 0x9e, 0x09}};

#define CALLER __builtin_return_address(0)

static NTSTATUS open_socket(PWSK_CLIENT client, ADDRESS_FAMILY family, USHORT type, ULONG protocol, ULONG flags,
    PVOID context, const VOID *dispatch, PEPROCESS process, PETHREAD thread, PSECURITY_DESCRIPTOR descriptor,
    PIRP irp) {
    (void)process;
    (void)thread;
    (void)descriptor;
    return wsk_open(client, family, type, protocol, flags, context, dispatch, irp, CALLER);
}

static NTSTATUS open_connected(PWSK_CLIENT client, USHORT type, ULONG protocol, PSOCKADDR local, PSOCKADDR remote,
    ULONG flags, PVOID context, const WSK_CLIENT_CONNECTION_DISPATCH *dispatch, PEPROCESS process, PETHREAD thread,
    PSECURITY_DESCRIPTOR descriptor, PIRP irp) {
    (void)process;
    (void)thread;
    (void)descriptor;
    return wsk_open_connected(client, type, protocol, local, remote, flags, context, dispatch, irp, CALLER);
}

static NTSTATUS accept_connection(PWSK_SOCKET socket, ULONG flags, PVOID context,
    const WSK_CLIENT_CONNECTION_DISPATCH *dispatch, PSOCKADDR local, PSOCKADDR remote, PIRP irp) {
    return wsk_accept(socket, flags, context, dispatch, local, remote, irp, CALLER);
}

static const WSK_PROVIDER_DISPATCH provider_dispatch = {
    .Version = MAKE_WSK_VERSION(1, 0),
    .WskSocket = open_socket,
    .WskSocketConnect = open_connected,
    .WskControlClient = wsk_control_client,
    .WskGetAddressInfo = wsk_get_address_info,
    .WskFreeAddressInfo = wsk_free_address_info,
    .WskGetNameInfo = wsk_get_name_info,
};

// Control, close and bind stand in the same places of every table, because clients use one category's table for
// another's socket: a socket of the basic category answers its bind with "not supported".

static const struct {
    WSK_PROVIDER_BASIC_DISPATCH basic;
    PFN_WSK_BIND bind;
} basic_dispatch = {{wsk_control_socket, wsk_close_socket}, wsk_bind};

static const WSK_PROVIDER_LISTEN_DISPATCH listen_dispatch = {
    .WskControlSocket = wsk_control_socket,
    .WskCloseSocket = wsk_close_socket,
    .WskBind = wsk_bind,
    .WskAccept = accept_connection,
    .WskInspectComplete = wsk_inspect_complete,
    .WskGetLocalAddress = wsk_get_local_address,
};

static const WSK_PROVIDER_DATAGRAM_DISPATCH datagram_dispatch = {
    .WskControlSocket = wsk_control_socket,
    .WskCloseSocket = wsk_close_socket,
    .WskBind = wsk_bind,
    .WskSendTo = wsk_send_to,
    .WskReceiveFrom = wsk_receive_from,
    .WskRelease = wsk_release_datagrams,
    .WskGetLocalAddress = wsk_get_local_address,
    .WskSendMessages = wsk_send_messages,
};

static const WSK_PROVIDER_CONNECTION_DISPATCH connection_dispatch = {
    .WskControlSocket = wsk_control_socket,
    .WskCloseSocket = wsk_close_socket,
    .WskBind = wsk_bind,
    .WskConnect = wsk_connect,
    .WskGetLocalAddress = wsk_get_local_address,
    .WskGetRemoteAddress = wsk_get_remote_address,
    .WskSend = wsk_send,
    .WskReceive = wsk_receive,
    .WskDisconnect = wsk_disconnect,
    .WskRelease = wsk_release_data,
    .WskConnectEx = wsk_connect_ex,
    .WskSendEx = wsk_send_ex,
    .WskReceiveEx = wsk_receive_ex,
};

static const WSK_PROVIDER_STREAM_DISPATCH stream_dispatch = {
    .WskControlSocket = wsk_control_socket,
    .WskCloseSocket = wsk_close_socket,
    .WskBind = wsk_bind,
    .WskAccept = accept_connection,
    .WskConnect = wsk_connect,
    .WskListen = wsk_listen,
    .WskSend = wsk_send,
    .WskReceive = wsk_receive,
    .WskDisconnect = wsk_disconnect,
    .WskRelease = wsk_release_data,
    .WskGetLocalAddress = wsk_get_local_address,
    .WskGetRemoteAddress = wsk_get_remote_address,
    .WskConnectEx = wsk_connect_ex,
    .WskSendEx = wsk_send_ex,
    .WskReceiveEx = wsk_receive_ex,
};

const WSK_PROVIDER_DISPATCH *wsk_provider(void) { return &provider_dispatch; }

const void *wsk_dispatch_of(uint32_t category) {
    switch (category) {
    case LAMINA_LISTEN: return &listen_dispatch;
    case LAMINA_DATAGRAM: return &datagram_dispatch;
    case LAMINA_CONNECTION: return &connection_dispatch;
    case LAMINA_STREAM: return &stream_dispatch;
    default: return &basic_dispatch;
    }
}
