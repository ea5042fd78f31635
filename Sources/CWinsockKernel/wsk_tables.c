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
    WSK_OWN_CODE;
    return wsk_open(client, family, type, protocol, flags, context, dispatch, irp, CALLER);
}

static NTSTATUS open_connected(PWSK_CLIENT client, USHORT type, ULONG protocol, PSOCKADDR local, PSOCKADDR remote,
    ULONG flags, PVOID context, const WSK_CLIENT_CONNECTION_DISPATCH *dispatch, PEPROCESS process, PETHREAD thread,
    PSECURITY_DESCRIPTOR descriptor, PIRP irp) {
    (void)process;
    (void)thread;
    (void)descriptor;
    WSK_OWN_CODE;
    return wsk_open_connected(client, type, protocol, local, remote, flags, context, dispatch, irp, CALLER);
}

static NTSTATUS accept_connection(PWSK_SOCKET socket, ULONG flags, PVOID context,
    const WSK_CLIENT_CONNECTION_DISPATCH *dispatch, PSOCKADDR local, PSOCKADDR remote, PIRP irp) {
    WSK_OWN_CODE;
    return wsk_accept(socket, flags, context, dispatch, local, remote, irp, CALLER);
}

/// A table's function: the run time's own code from here on.
#define ENTRY(name, parameters, arguments)                                                                             \
    static NTSTATUS enter_##name parameters {                                                                          \
        WSK_OWN_CODE;                                                                                                  \
        return wsk_##name arguments;                                                                                   \
    }

ENTRY(control_client,
    (PWSK_CLIENT client, ULONG code, SIZE_T input_size, PVOID input, SIZE_T output_size, PVOID output, SIZE_T
        *returned, PIRP irp),
    (client, code, input_size, input, output_size, output, returned, irp))
ENTRY(get_address_info,
    (PWSK_CLIENT client, PUNICODE_STRING node, PUNICODE_STRING service, ULONG name_space, GUID *provider,
        PADDRINFOEXW hints, PADDRINFOEXW *result, PEPROCESS process, PETHREAD thread, PIRP irp),
    (client, node, service, name_space, provider, hints, result, process, thread, irp))
ENTRY(get_name_info,
    (PWSK_CLIENT client, PSOCKADDR address, ULONG length, PUNICODE_STRING node, PUNICODE_STRING service, ULONG
        flags, PEPROCESS process, PETHREAD thread, PIRP irp),
    (client, address, length, node, service, flags, process, thread, irp))
ENTRY(control_socket,
    (PWSK_SOCKET socket, WSK_CONTROL_SOCKET_TYPE type, ULONG code, ULONG level, SIZE_T input_size, PVOID input,
        SIZE_T output_size, PVOID output, SIZE_T *returned, PIRP irp),
    (socket, type, code, level, input_size, input, output_size, output, returned, irp))
ENTRY(close_socket, (PWSK_SOCKET socket, PIRP irp), (socket, irp))
ENTRY(bind, (PWSK_SOCKET socket, PSOCKADDR address, ULONG flags, PIRP irp), (socket, address, flags, irp))
ENTRY(listen, (PWSK_SOCKET socket, PIRP irp), (socket, irp))
ENTRY(inspect_complete,
    (PWSK_SOCKET socket, PWSK_INSPECT_ID identity, WSK_INSPECT_ACTION action, PIRP irp),
    (socket, identity, action, irp))
ENTRY(get_local_address, (PWSK_SOCKET socket, PSOCKADDR address, PIRP irp), (socket, address, irp))
ENTRY(get_remote_address, (PWSK_SOCKET socket, PSOCKADDR address, PIRP irp), (socket, address, irp))
ENTRY(connect, (PWSK_SOCKET socket, PSOCKADDR address, ULONG flags, PIRP irp), (socket, address, flags, irp))
ENTRY(connect_ex,
    (PWSK_SOCKET socket, PSOCKADDR address, PWSK_BUF buffer, ULONG flags, PIRP irp),
    (socket, address, buffer, flags, irp))
ENTRY(send, (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp), (socket, buffer, flags, irp))
ENTRY(send_ex,
    (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, ULONG control_length, PCMSGHDR control, PIRP irp),
    (socket, buffer, flags, control_length, control, irp))
ENTRY(receive, (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp), (socket, buffer, flags, irp))
ENTRY(receive_ex,
    (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PULONG control_length, PCMSGHDR control, PULONG
        control_flags, PIRP irp),
    (socket, buffer, flags, control_length, control, control_flags, irp))
ENTRY(disconnect, (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PIRP irp), (socket, buffer, flags, irp))
ENTRY(release_data, (PWSK_SOCKET socket, PWSK_DATA_INDICATION indication), (socket, indication))
ENTRY(send_to,
    (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PSOCKADDR address, ULONG control_length, PCMSGHDR control,
        PIRP irp),
    (socket, buffer, flags, address, control_length, control, irp))
ENTRY(send_messages,
    (PWSK_SOCKET socket, PWSK_BUF_LIST buffers, ULONG flags, PSOCKADDR address, ULONG control_length, PCMSGHDR
        control, PIRP irp),
    (socket, buffers, flags, address, control_length, control, irp))
ENTRY(receive_from,
    (PWSK_SOCKET socket, PWSK_BUF buffer, ULONG flags, PSOCKADDR address, PULONG control_length, PCMSGHDR control,
        PULONG control_flags, PIRP irp),
    (socket, buffer, flags, address, control_length, control, control_flags, irp))
ENTRY(release_datagrams, (PWSK_SOCKET socket, PWSK_DATAGRAM_INDICATION indication), (socket, indication))

static const WSK_PROVIDER_DISPATCH provider_dispatch = {
    .Version = MAKE_WSK_VERSION(1, 0),
    .WskSocket = open_socket,
    .WskSocketConnect = open_connected,
    .WskControlClient = enter_control_client,
    .WskGetAddressInfo = enter_get_address_info,
    .WskFreeAddressInfo = wsk_free_address_info,
    .WskGetNameInfo = enter_get_name_info,
};

// Control, close and bind stand in the same places of every table, because clients use one category's table for
// another's socket: a socket of the basic category answers its bind with "not supported".

static const struct {
    WSK_PROVIDER_BASIC_DISPATCH basic;
    PFN_WSK_BIND bind;
} basic_dispatch = {{enter_control_socket, enter_close_socket}, enter_bind};

static const WSK_PROVIDER_LISTEN_DISPATCH listen_dispatch = {
    .WskControlSocket = enter_control_socket,
    .WskCloseSocket = enter_close_socket,
    .WskBind = enter_bind,
    .WskAccept = accept_connection,
    .WskInspectComplete = enter_inspect_complete,
    .WskGetLocalAddress = enter_get_local_address,
};

static const WSK_PROVIDER_DATAGRAM_DISPATCH datagram_dispatch = {
    .WskControlSocket = enter_control_socket,
    .WskCloseSocket = enter_close_socket,
    .WskBind = enter_bind,
    .WskSendTo = enter_send_to,
    .WskReceiveFrom = enter_receive_from,
    .WskRelease = enter_release_datagrams,
    .WskGetLocalAddress = enter_get_local_address,
    .WskSendMessages = enter_send_messages,
};

static const WSK_PROVIDER_CONNECTION_DISPATCH connection_dispatch = {
    .WskControlSocket = enter_control_socket,
    .WskCloseSocket = enter_close_socket,
    .WskBind = enter_bind,
    .WskConnect = enter_connect,
    .WskGetLocalAddress = enter_get_local_address,
    .WskGetRemoteAddress = enter_get_remote_address,
    .WskSend = enter_send,
    .WskReceive = enter_receive,
    .WskDisconnect = enter_disconnect,
    .WskRelease = enter_release_data,
    .WskConnectEx = enter_connect_ex,
    .WskSendEx = enter_send_ex,
    .WskReceiveEx = enter_receive_ex,
};

static const WSK_PROVIDER_STREAM_DISPATCH stream_dispatch = {
    .WskControlSocket = enter_control_socket,
    .WskCloseSocket = enter_close_socket,
    .WskBind = enter_bind,
    .WskAccept = accept_connection,
    .WskConnect = enter_connect,
    .WskListen = enter_listen,
    .WskSend = enter_send,
    .WskReceive = enter_receive,
    .WskDisconnect = enter_disconnect,
    .WskRelease = enter_release_data,
    .WskGetLocalAddress = enter_get_local_address,
    .WskGetRemoteAddress = enter_get_remote_address,
    .WskConnectEx = enter_connect_ex,
    .WskSendEx = enter_send_ex,
    .WskReceiveEx = enter_receive_ex,
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
