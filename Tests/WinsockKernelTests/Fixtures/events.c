// Event callbacks: accept, inspect, receive (taken, in part, kept, refused), receive-from, disconnect.
#include "check.h"
#include "peer.h"

static KSPIN_LOCK lock;
static KEVENT happened;

/// How the next receive event is answered.
static NTSTATUS answer = STATUS_SUCCESS;
static SIZE_T take = (SIZE_T)-1;
static char got[256];
static SIZE_T got_length;
static int events, ends, aborts, inspections;
static ULONG end_flags;
static PWSK_DATA_INDICATION kept[16];
static int kept_count;
static WSK_INSPECT_ACTION action;
static WSK_INSPECT_ID inspected;
static PWSK_SOCKET accepted;
static BOOLEAN releases_inside;

static void note(void) { KeSetEvent(&happened, IO_NO_INCREMENT, FALSE); }

/// Waits until `condition` holds, which an event makes true.
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        KIRQL old;                                                                                                     \
        KeAcquireSpinLock(&lock, &old);                                                                                \
        const BOOLEAN holds = (condition);                                                                             \
        KeReleaseSpinLock(&lock, old);                                                                                 \
        if (holds) {                                                                                                   \
            break;                                                                                                     \
        }                                                                                                              \
        LARGE_INTEGER limit;                                                                                           \
        limit.QuadPart = -100000000ll;                                                                                 \
        CHECK(KeWaitForSingleObject(&happened, Executive, KernelMode, FALSE, &limit) == STATUS_SUCCESS);               \
    } while (1)

static NTSTATUS receive_event(
    PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated, SIZE_T *taken) {
    KIRQL old;
    CHECK(context == &got && (flags & WSK_FLAG_AT_DISPATCH_LEVEL));
    KeAcquireSpinLock(&lock, &old);
    const NTSTATUS status = answer;
    events++;
    if (status == STATUS_SUCCESS) {
        const SIZE_T count = indicated < take ? indicated : take;
        SIZE_T copied = 0;
        for (PWSK_DATA_INDICATION node = data; node; node = node->Next) {
            const char *bytes = (const char *)MmGetSystemAddressForMdlSafe(node->Buffer.Mdl, NormalPagePriority);
            for (SIZE_T i = 0; i < node->Buffer.Length && copied < count; i++, copied++) {
                got[got_length++] = bytes[node->Buffer.Offset + i];
            }
        }
        *taken = count;
    }
    const BOOLEAN now = releases_inside;
    if (status == STATUS_PENDING && !now) {
        while (data) {
            // The list is taken apart, and its nodes go back one by one.
            PWSK_DATA_INDICATION next = data->Next;
            data->Next = NULL;
            kept[kept_count++] = data;
            data = next;
        }
    }
    KeReleaseSpinLock(&lock, old);
    if (status == STATUS_PENDING) {
        while (data) {
            PWSK_DATA_INDICATION next = data->Next;
            data->Next = NULL;
            CHECK_STATUS(CONNECTION(accepted)->WskRelease(accepted, data), STATUS_SUCCESS);
            data = next;
        }
    }
    note();
    return status;
}

static NTSTATUS disconnect_event(PVOID context, ULONG flags) {
    KIRQL old;
    CHECK(context == &got);
    KeAcquireSpinLock(&lock, &old);
    end_flags = flags;
    ends++;
    KeReleaseSpinLock(&lock, old);
    note();
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH connection_dispatch = {receive_event, disconnect_event, NULL};

static NTSTATUS accept_event(PVOID context, ULONG flags, PSOCKADDR local, PSOCKADDR remote, PWSK_SOCKET socket,
    PVOID *socket_context, const WSK_CLIENT_CONNECTION_DISPATCH **socket_dispatch) {
    KIRQL old;
    (void)flags;
    CHECK(context == &accepted && local->sa_family == AF_INET && remote->sa_family == AF_INET);
    *socket_context = &got;
    *socket_dispatch = &connection_dispatch;
    KeAcquireSpinLock(&lock, &old);
    const BOOLEAN is_wanted = accepted == NULL;
    if (is_wanted) {
        accepted = socket;
    }
    KeReleaseSpinLock(&lock, old);
    note();
    return is_wanted ? STATUS_SUCCESS : STATUS_REQUEST_NOT_ACCEPTED;
}

static WSK_INSPECT_ACTION inspect_event(PVOID context, PSOCKADDR local, PSOCKADDR remote, PWSK_INSPECT_ID identity) {
    KIRQL old;
    CHECK(context == &accepted && local && remote);
    KeAcquireSpinLock(&lock, &old);
    inspected = *identity;
    inspections++;
    const WSK_INSPECT_ACTION now = action;
    KeReleaseSpinLock(&lock, old);
    note();
    return now;
}

static NTSTATUS abort_event(PVOID context, PWSK_INSPECT_ID identity) {
    KIRQL old;
    CHECK(context == &accepted);
    KeAcquireSpinLock(&lock, &old);
    if (identity->Key == inspected.Key && identity->SerialNumber == inspected.SerialNumber) {
        aborts++;
    }
    KeReleaseSpinLock(&lock, old);
    note();
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH listen_dispatch = {accept_event, inspect_event, abort_event};

static NTSTATUS set_events(PWSK_SOCKET socket, ULONG mask, PIRP irp) {
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, mask};
    return BASIC(CONNECTION(socket)) WskControlSocket(
        socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof control, &control, 0, NULL, NULL, irp);
}

static void set_option(PWSK_SOCKET socket, ULONG option, ULONG value) {
    call one;
    begin_call(&one);
    const NTSTATUS status = BASIC(CONNECTION(socket)) WskControlSocket(
        socket, WskSetOption, option, SOL_SOCKET, sizeof value, &value, 0, NULL, NULL, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    end_call(&one);
}

static USHORT listen_at(PWSK_SOCKET listener) {
    SOCKADDR_IN address = loopback(0);
    call one;
    bind_socket(listener, 0);
    begin_call(&one);
    CHECK_STATUS(wait_call(&one, LISTENER(listener)->WskGetLocalAddress(listener, (PSOCKADDR)&address, one.irp)),
        STATUS_SUCCESS);
    end_call(&one);
    return RtlUshortByteSwap(address.sin_port);
}

static int peer_connect(USHORT port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0 && connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0);
    return descriptor;
}

static void set_action(WSK_INSPECT_ACTION next) {
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    action = next;
    KeReleaseSpinLock(&lock, old);
}

static int event_count(void) {
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    const int count = events;
    KeReleaseSpinLock(&lock, old);
    return count;
}

static void set_answer(NTSTATUS status, SIZE_T count) {
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    answer = status;
    take = count;
    KeReleaseSpinLock(&lock, old);
}

static void test_connection(USHORT port) {
    const int peer = peer_connect(port);
    char byte;
    AWAIT(accepted != NULL);
    // A connection too many is refused, and closed.
    const int refused = peer_connect(port);
    CHECK(read(refused, &byte, 1) <= 0);
    close(refused);

    // Taken whole, and in part: the rest is for a receive, and events go on when that has completed.
    CHECK(write(peer, "abc", 3) == 3);
    AWAIT(got_length == 3);
    set_answer(STATUS_SUCCESS, 2);
    CHECK(write(peer, "defg", 4) == 4);
    AWAIT(got_length == 5);
    char rest[4];
    WSK_BUF room = {make_mdl(rest, 4), 0, 4};
    call one;
    begin_call(&one);
    CHECK_STATUS(wait_call(&one, CONNECTION(accepted)->WskReceive(accepted, &room, 0, one.irp)), STATUS_SUCCESS);
    CHECK(one.irp->IoStatus.Information == 2 && memcmp(rest, "fg", 2) == 0 && memcmp(got, "abcde", 5) == 0);
    set_answer(STATUS_SUCCESS, (SIZE_T)-1);

    // Refused: nothing more until a receive, be it of nothing.
    const int before = event_count();
    set_answer(STATUS_DATA_NOT_ACCEPTED, (SIZE_T)-1);
    CHECK(write(peer, "hij", 3) == 3);
    AWAIT(events == before + 1);
    set_answer(STATUS_SUCCESS, (SIZE_T)-1);
    WSK_BUF nothing = {NULL, 0, 0};
    again(&one);
    CHECK_STATUS(wait_call(&one, CONNECTION(accepted)->WskReceive(accepted, &nothing, 0, one.irp)), STATUS_SUCCESS);
    AWAIT(got_length == 8);
    CHECK(memcmp(got, "abcdehij", 8) == 0);

    // Kept, and given back in another order, at once or later.
    set_answer(STATUS_PENDING, (SIZE_T)-1);
    CHECK(write(peer, "k", 1) == 1);
    AWAIT(kept_count == 1);
    CHECK(write(peer, "l", 1) == 1);
    AWAIT(kept_count == 2);
    CHECK(*(char *)MmGetSystemAddressForMdlSafe(kept[0]->Buffer.Mdl, NormalPagePriority) == 'k');
    CHECK_STATUS(CONNECTION(accepted)->WskRelease(accepted, kept[1]), STATUS_SUCCESS);
    CHECK_STATUS(CONNECTION(accepted)->WskRelease(accepted, kept[0]), STATUS_SUCCESS);
    KIRQL level;
    KeAcquireSpinLock(&lock, &level);
    releases_inside = TRUE;
    KeReleaseSpinLock(&lock, level);
    const int inside = event_count();
    CHECK(write(peer, "m", 1) == 1);
    AWAIT(events == inside + 1);
    set_answer(STATUS_SUCCESS, (SIZE_T)-1);

    // Disabled: data wait for a receive. Enabled again: they come.
    again(&one);
    CHECK_STATUS(wait_call(&one, set_events(accepted, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE, one.irp)), STATUS_SUCCESS);
    CHECK(write(peer, "no", 2) == 2);
    again(&one);
    CHECK_STATUS(wait_call(&one, CONNECTION(accepted)->WskReceive(accepted, &room, 0, one.irp)), STATUS_SUCCESS);
    CHECK(one.irp->IoStatus.Information == 2 && memcmp(rest, "no", 2) == 0);
    CHECK_STATUS(set_events(accepted, WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS);
    CHECK(write(peer, "p", 1) == 1);
    AWAIT(got_length == 9);

    // The end.
    shutdown(peer, SHUT_WR);
    AWAIT(ends == 1);
    CHECK((end_flags & WSK_FLAG_ABORTIVE) == 0);
    end_call(&one);
    IoFreeMdl(room.Mdl);
    close_socket(accepted);
    close(peer);
}

static void test_inspection(void) {
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, &accepted, &listen_dispatch);
    char byte;
    call one;
    set_option(listener, SO_CONDITIONAL_ACCEPT, TRUE);
    const USHORT port = listen_at(listener);
    set_action(WskInspectReject);
    int peer = peer_connect(port);
    AWAIT(inspections == 1);
    CHECK(read(peer, &byte, 1) < 0);
    close(peer);
    set_action(WskInspectPend);
    peer = peer_connect(port);
    AWAIT(inspections == 2);
    begin_call(&one);
    // The inspection is pending once its callback has returned.
    while (wait_call(&one, LISTENER(listener)->WskInspectComplete(listener, &inspected, WskInspectAccept, one.irp))
        == STATUS_INVALID_PARAMETER) {
        again(&one);
    }
    CHECK_STATUS(one.irp->IoStatus.Status, STATUS_SUCCESS);
    again(&one);
    CHECK_STATUS(wait_call(&one, LISTENER(listener)->WskAccept(listener, 0, NULL, NULL, NULL, NULL, one.irp)),
        STATUS_SUCCESS);
    close_socket((PWSK_SOCKET)one.irp->IoStatus.Information);
    end_call(&one);
    close(peer);
    peer = peer_connect(port);
    AWAIT(inspections == 3);
    const struct linger reset = {1, 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(peer);
    AWAIT(aborts == 1);
    close_socket(listener);
}

// Datagrams.

static PWSK_DATAGRAM_INDICATION datagrams;

static NTSTATUS receive_from_event(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION list) {
    KIRQL old;
    (void)flags;
    CHECK(context == &datagrams && list->RemoteAddress->sa_family == AF_INET);
    KeAcquireSpinLock(&lock, &old);
    events++;
    if (answer == STATUS_PENDING) {
        datagrams = list;
    }
    const NTSTATUS status = answer;
    KeReleaseSpinLock(&lock, old);
    note();
    return status;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH datagram_dispatch = {receive_from_event};

static void test_datagrams(void) {
    USHORT port;
    SOCKADDR_IN here;
    call one;
    const int peer = peer_open(SOCK_DGRAM, &port);
    PWSK_SOCKET socket =
        open_socket(SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, &datagrams, &datagram_dispatch);
    CHECK_STATUS(set_events(socket, WSK_EVENT_RECEIVE_FROM, NULL), STATUS_INVALID_DEVICE_STATE);
    bind_socket(socket, 0);
    begin_call(&one);
    CHECK_STATUS(wait_call(&one, DATAGRAM(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&here, one.irp)),
        STATUS_SUCCESS);
    end_call(&one);
    CHECK_STATUS(set_events(socket, WSK_EVENT_RECEIVE_FROM, NULL), STATUS_SUCCESS);
    set_answer(STATUS_PENDING, 0);
    CHECK(sendto(peer, "kept", 4, 0, (struct sockaddr *)&here, sizeof here) == 4);
    AWAIT(datagrams != NULL);
    CHECK(datagrams->Buffer.Length == 4
        && memcmp(MmGetSystemAddressForMdlSafe(datagrams->Buffer.Mdl, NormalPagePriority), "kept", 4) == 0);
    CHECK(((PSOCKADDR_IN)(PVOID)datagrams->RemoteAddress)->sin_port == RtlUshortByteSwap(port));
    CHECK_STATUS(DATAGRAM(socket)->WskRelease(socket, datagrams), STATUS_SUCCESS);
    // Not accepted: disabled until it is enabled again.
    set_answer(STATUS_DATA_NOT_ACCEPTED, 0);
    int before = event_count();
    CHECK(sendto(peer, "lost", 4, 0, (struct sockaddr *)&here, sizeof here) == 4);
    AWAIT(events == before + 1);
    set_answer(STATUS_SUCCESS, 0);
    CHECK_STATUS(set_events(socket, WSK_EVENT_RECEIVE_FROM, NULL), STATUS_SUCCESS);
    before = event_count();
    CHECK(sendto(peer, "seen", 4, 0, (struct sockaddr *)&here, sizeof here) == 4);
    AWAIT(events == before + 1);
    close_socket(socket);
    close(peer);
}

int main(void) {
    KeInitializeSpinLock(&lock);
    KeInitializeEvent(&happened, SynchronizationEvent, FALSE);
    begin_client();
    PWSK_SOCKET listener = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, &accepted, &listen_dispatch);
    const USHORT port = listen_at(listener);
    CHECK_STATUS(
        set_events(listener, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL), STATUS_SUCCESS);
    test_connection(port);
    close_socket(listener);
    test_inspection();
    test_datagrams();
    end_client();
    puts("done");
    return 0;
}
