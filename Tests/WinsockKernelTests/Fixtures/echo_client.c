// A client of the echo server, as a driver that is the program itself: DriverEntry opens the connections, each sends a
// pattern of its own length while it receives, ends its direction, and compares what comes back until the server ends.
#include "check.h"

#include <dlfcn.h>
#include <wsk_load.h>

#define CONNECTIONS 200
#define CHUNK 60000
#define LONGEST (2u << 20)

typedef struct connection {
    PWSK_SOCKET socket;
    PIRP irp;
    ULONG number;
    ULONG length;
    ULONG sent;
    ULONG received;
    BOOLEAN wrong;
    PUCHAR chunk;
    PMDL mdl;
    /// Two steps from the end: the own direction's, and the peer's.
    LONG steps;
} connection;

static connection connections[CONNECTIONS];
static LONG left = CONNECTIONS;
static KEVENT all_done;
static USHORT server_port;
static LONG wrong;

static UCHAR pattern(const connection *self, ULONG place) {
    return (UCHAR)(place * 31 + (place >> 8) * 7 + self->number);
}

static const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch_of(connection *self) {
    return (const WSK_PROVIDER_CONNECTION_DISPATCH *)self->socket->Dispatch;
}

static void finish(connection *self) {
    if (self->wrong || self->received != self->length) {
        DbgPrint("connection %lu: %lu of %lu bytes%s\n", self->number, self->received, self->length,
            self->wrong ? ", and wrong ones" : "");
        InterlockedIncrement(&wrong);
    }
    if (InterlockedDecrement(&left) == 0) {
        KeSetEvent(&all_done, IO_NO_INCREMENT, FALSE);
    }
}

static NTSTATUS closed(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    connection *self = (connection *)context;
    UNREFERENCED_PARAMETER(device);
    IoFreeIrp(irp);
    IoFreeMdl(self->mdl);
    ExFreePoolWithTag(self->chunk, 'tseT');
    finish(self);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void step(connection *self) {
    if (InterlockedIncrement(&self->steps) == 2) {
        IoReuseIrp(self->irp, STATUS_UNSUCCESSFUL);
        IoSetCompletionRoutine(self->irp, closed, self, TRUE, TRUE, TRUE);
        dispatch_of(self)->WskCloseSocket(self->socket, self->irp);
    }
}

static NTSTATUS disconnected(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    UNREFERENCED_PARAMETER(device);
    UNREFERENCED_PARAMETER(irp);
    step((connection *)context);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void send_more(connection *self);

static NTSTATUS sent(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    connection *self = (connection *)context;
    UNREFERENCED_PARAMETER(device);
    if (!NT_SUCCESS(irp->IoStatus.Status)) {
        self->wrong = TRUE;
        self->sent = self->length;
    } else {
        self->sent += (ULONG)irp->IoStatus.Information;
    }
    send_more(self);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void send_more(connection *self) {
    const ULONG rest = self->length - self->sent;
    WSK_BUF buffer = {self->mdl, 0, rest < CHUNK ? rest : CHUNK};
    IoReuseIrp(self->irp, STATUS_UNSUCCESSFUL);
    if (rest == 0) {
        IoSetCompletionRoutine(self->irp, disconnected, self, TRUE, TRUE, TRUE);
        dispatch_of(self)->WskDisconnect(self->socket, NULL, 0, self->irp);
        return;
    }
    for (ULONG place = 0; place < buffer.Length; place++) {
        self->chunk[place] = pattern(self, self->sent + place);
    }
    IoSetCompletionRoutine(self->irp, sent, self, TRUE, TRUE, TRUE);
    dispatch_of(self)->WskSend(self->socket, &buffer, 0, self->irp);
}

static NTSTATUS receive_event(
    PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated, SIZE_T *accepted) {
    connection *self = (connection *)context;
    SIZE_T total = 0;
    CHECK(flags & WSK_FLAG_AT_DISPATCH_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL);
    for (; data; data = data->Next) {
        const UCHAR *bytes = (const UCHAR *)MmGetSystemAddressForMdlSafe(data->Buffer.Mdl, NormalPagePriority);
        for (SIZE_T place = 0; place < data->Buffer.Length; place++) {
            self->wrong = self->wrong || bytes[data->Buffer.Offset + place] != pattern(self, self->received);
            self->received++;
        }
        total += data->Buffer.Length;
    }
    CHECK(total == indicated && *accepted == indicated);
    return STATUS_SUCCESS;
}

static NTSTATUS disconnect_event(PVOID context, ULONG flags) {
    connection *self = (connection *)context;
    self->wrong = self->wrong || (flags & WSK_FLAG_ABORTIVE) != 0;
    step(self);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH connection_dispatch = {receive_event, disconnect_event, NULL};

static NTSTATUS connected(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    connection *self = (connection *)context;
    UNREFERENCED_PARAMETER(device);
    CHECK_STATUS(irp->IoStatus.Status, STATUS_SUCCESS);
    send_more(self);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS opened(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    connection *self = (connection *)context;
    SOCKADDR_IN address = loopback(server_port);
    UNREFERENCED_PARAMETER(device);
    CHECK_STATUS(irp->IoStatus.Status, STATUS_SUCCESS);
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(irp, connected, self, TRUE, TRUE, TRUE);
    dispatch_of(self)->WskConnect(self->socket, (PSOCKADDR)&address, 0, irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}


static NTSTATUS made(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    connection *self = (connection *)context;
    SOCKADDR_IN address = loopback(0);
    UNREFERENCED_PARAMETER(device);
    CHECK_STATUS(irp->IoStatus.Status, STATUS_SUCCESS);
    self->socket = (PWSK_SOCKET)irp->IoStatus.Information;
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(irp, opened, self, TRUE, TRUE, TRUE);
    dispatch_of(self)->WskBind(self->socket, (PSOCKADDR)&address, 0, irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void unload(PDRIVER_OBJECT driver) {
    UNREFERENCED_PARAMETER(driver);
    KeWaitForSingleObject(&all_done, Executive, KernelMode, FALSE, NULL);
    end_client();
}

EXTERN_C NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
    WSK_EVENT_CALLBACK_CONTROL events = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT};
    UNREFERENCED_PARAMETER(path);
    driver->DriverUnload = unload;
    KeInitializeEvent(&all_done, NotificationEvent, FALSE);
    begin_client();
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof events, &events, 0,
                     NULL, NULL, NULL),
        STATUS_SUCCESS);
    for (ULONG number = 0; number < CONNECTIONS; number++) {
        connection *self = &connections[number];
        self->number = number;
        self->length = number < 8 ? LONGEST >> (number * 3) : (number * 7919) % 100000 + 1;
        self->chunk = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, CHUNK, 'tseT');
        CHECK(self->chunk);
        self->mdl = make_mdl(self->chunk, CHUNK);
        self->irp = IoAllocateIrp(1, FALSE);
        CHECK(self->irp);
        IoSetCompletionRoutine(self->irp, made, self, TRUE, TRUE, TRUE);
        npi.Dispatch->WskSocket(npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, self,
            &connection_dispatch, NULL, NULL, NULL, self->irp);
    }
    return STATUS_SUCCESS;
}

int main(int count, char **arguments) {
    PWSK_DRIVER server, client;
    CHECK(count == 2);
    CHECK_STATUS(WskLoadDriver(arguments[1], &server), STATUS_SUCCESS);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD);
    CHECK(library);
    server_port = *(USHORT *)dlsym(library, "EchoPort");
    CHECK_STATUS(WskLoadDriver(NULL, &client), STATUS_SUCCESS);
    CHECK(WskUnloadDriver(client) == 0);
    CHECK(WskUnloadDriver(server) == 0);
    dlclose(library);
    CHECK(wrong == 0);
    puts("done");
    return 0;
}
