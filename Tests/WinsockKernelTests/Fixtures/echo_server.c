// An echo server as a driver: it listens in DriverEntry, answers by event callbacks, and is gone after DriverUnload.
// Every second connection copies what it gets, the others keep the provider's data until they are sent back.
#include <ntddk.h>
#include <wsk.h>

#define ECHO_TAG 'ohcE'

typedef struct CONNECTION {
    PWSK_SOCKET Socket;
    KSPIN_LOCK Lock;
    LONG Sends;
    BOOLEAN Copies;
    BOOLEAN Ended;
    BOOLEAN Broken;
    BOOLEAN Closing;
    PIRP LastIrp;
} CONNECTION, *PCONNECTION;

typedef struct ECHO_SEND {
    PCONNECTION Connection;
    PWSK_DATA_INDICATION Retained;
    PMDL Mdl;
    PVOID Copy;
} ECHO_SEND, *PECHO_SEND;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD EchoUnload;
static IO_COMPLETION_ROUTINE EchoSent, EchoDisconnected, EchoClosed, EchoDone;

/// Where it listens, in host byte order.
USHORT EchoPort;

static WSK_REGISTRATION Registration;
static WSK_PROVIDER_NPI Npi;
static PWSK_SOCKET Listener;
static EX_RUNDOWN_REF Connections;
static LONG Accepted;

static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

static const WSK_PROVIDER_CONNECTION_DISPATCH *DispatchOf(PCONNECTION Connection) {
    return (const WSK_PROVIDER_CONNECTION_DISPATCH *)Connection->Socket->Dispatch;
}

/// Ends the connection once it has ended and nothing is on its way back. Called without the lock.
static VOID EchoFinish(PCONNECTION Connection) {
    KIRQL irql;
    BOOLEAN isMine, isBroken;
    KeAcquireSpinLock(&Connection->Lock, &irql);
    isMine = Connection->Ended && Connection->Sends == 0 && !Connection->Closing;
    isBroken = Connection->Broken;
    if (isMine) {
        Connection->Closing = TRUE;
    }
    KeReleaseSpinLock(&Connection->Lock, irql);
    if (!isMine) {
        return;
    }
    if (isBroken) {
        IoSetCompletionRoutine(Connection->LastIrp, EchoClosed, Connection, TRUE, TRUE, TRUE);
        DispatchOf(Connection)->WskCloseSocket(Connection->Socket, Connection->LastIrp);
    } else {
        IoSetCompletionRoutine(Connection->LastIrp, EchoDisconnected, Connection, TRUE, TRUE, TRUE);
        DispatchOf(Connection)->WskDisconnect(Connection->Socket, NULL, 0, Connection->LastIrp);
    }
}

static NTSTATUS EchoDisconnected(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context) {
    PCONNECTION connection = (PCONNECTION)Context;
    UNREFERENCED_PARAMETER(Device);
    IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(Irp, EchoClosed, connection, TRUE, TRUE, TRUE);
    DispatchOf(connection)->WskCloseSocket(connection->Socket, Irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS EchoClosed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context) {
    UNREFERENCED_PARAMETER(Device);
    IoFreeIrp(Irp);
    ExFreePoolWithTag(Context, ECHO_TAG);
    ExReleaseRundownProtection(&Connections);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID EchoFreeSend(PECHO_SEND Send) {
    if (Send->Retained) {
        DispatchOf(Send->Connection)->WskRelease(Send->Connection->Socket, Send->Retained);
    }
    if (Send->Mdl) {
        IoFreeMdl(Send->Mdl);
    }
    if (Send->Copy) {
        ExFreePoolWithTag(Send->Copy, ECHO_TAG);
    }
    ExFreePoolWithTag(Send, ECHO_TAG);
}

static NTSTATUS EchoSent(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context) {
    PECHO_SEND send = (PECHO_SEND)Context;
    PCONNECTION connection = send->Connection;
    KIRQL irql;
    UNREFERENCED_PARAMETER(Device);
    KeAcquireSpinLock(&connection->Lock, &irql);
    if (!NT_SUCCESS(Irp->IoStatus.Status)) {
        connection->Broken = connection->Ended = TRUE;
    }
    KeReleaseSpinLock(&connection->Lock, irql);
    IoFreeIrp(Irp);
    EchoFreeSend(send);
    KeAcquireSpinLock(&connection->Lock, &irql);
    connection->Sends--;
    KeReleaseSpinLock(&connection->Lock, irql);
    EchoFinish(connection);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/// Sends one buffer back. FALSE: there is no memory, and nothing was done.
static BOOLEAN EchoSend(PCONNECTION Connection, PWSK_DATA_INDICATION Data) {
    PECHO_SEND send = (PECHO_SEND)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(ECHO_SEND), ECHO_TAG);
    PIRP irp = IoAllocateIrp(1, FALSE);
    WSK_BUF buffer = Data->Buffer;
    KIRQL irql;
    if (!send || !irp) {
        goto failed;
    }
    send->Connection = Connection;
    if (Connection->Copies) {
        const SIZE_T length = Data->Buffer.Length;
        PUCHAR source = (PUCHAR)MmGetSystemAddressForMdlSafe(Data->Buffer.Mdl, NormalPagePriority);
        send->Copy = ExAllocatePoolWithTag(NonPagedPoolNx, length, ECHO_TAG);
        send->Mdl = send->Copy ? IoAllocateMdl(send->Copy, (ULONG)length, FALSE, FALSE, NULL) : NULL;
        if (!send->Mdl || !source) {
            goto failed;
        }
        RtlCopyMemory(send->Copy, source + Data->Buffer.Offset, length);
        MmBuildMdlForNonPagedPool(send->Mdl);
        buffer.Mdl = send->Mdl;
        buffer.Offset = 0;
    } else {
        send->Retained = Data;
        Data->Next = NULL;
    }
    KeAcquireSpinLock(&Connection->Lock, &irql);
    Connection->Sends++;
    KeReleaseSpinLock(&Connection->Lock, irql);
    IoSetCompletionRoutine(irp, EchoSent, send, TRUE, TRUE, TRUE);
    DispatchOf(Connection)->WskSend(Connection->Socket, &buffer, 0, irp);
    return TRUE;

failed:
    if (irp) {
        IoFreeIrp(irp);
    }
    if (send) {
        EchoFreeSend(send);
    }
    return FALSE;
}

static NTSTATUS EchoReceiveEvent(
    PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data, SIZE_T Indicated, SIZE_T *BytesAccepted) {
    PCONNECTION connection = (PCONNECTION)Context;
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Indicated);
    UNREFERENCED_PARAMETER(BytesAccepted);
    while (Data) {
        PWSK_DATA_INDICATION next = Data->Next;
        if (!EchoSend(connection, Data)) {
            KIRQL irql;
            KeAcquireSpinLock(&connection->Lock, &irql);
            connection->Broken = connection->Ended = TRUE;
            KeReleaseSpinLock(&connection->Lock, irql);
            if (!connection->Copies) {
                Data->Next = next;
                DispatchOf(connection)->WskRelease(connection->Socket, Data);
            }
            EchoFinish(connection);
            break;
        }
        Data = next;
    }
    return connection->Copies ? STATUS_SUCCESS : STATUS_PENDING;
}

static NTSTATUS EchoDisconnectEvent(PVOID Context, ULONG Flags) {
    PCONNECTION connection = (PCONNECTION)Context;
    KIRQL irql;
    KeAcquireSpinLock(&connection->Lock, &irql);
    connection->Ended = TRUE;
    connection->Broken = connection->Broken || (Flags & WSK_FLAG_ABORTIVE);
    KeReleaseSpinLock(&connection->Lock, irql);
    EchoFinish(connection);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH ConnectionDispatch = {EchoReceiveEvent, EchoDisconnectEvent, NULL};

static NTSTATUS EchoAcceptEvent(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote, PWSK_SOCKET Socket,
    PVOID *SocketContext, const WSK_CLIENT_CONNECTION_DISPATCH **SocketDispatch) {
    PCONNECTION connection;
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (!Socket || !ExAcquireRundownProtection(&Connections)) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    connection = (PCONNECTION)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(CONNECTION), ECHO_TAG);
    if (connection) {
        connection->LastIrp = IoAllocateIrp(1, FALSE);
    }
    if (!connection || !connection->LastIrp) {
        ExFreePool(connection);
        ExReleaseRundownProtection(&Connections);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    connection->Socket = Socket;
    connection->Copies = (InterlockedIncrement(&Accepted) & 1) != 0;
    KeInitializeSpinLock(&connection->Lock);
    *SocketContext = connection;
    *SocketDispatch = &ConnectionDispatch;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH ListenDispatch = {EchoAcceptEvent, NULL, NULL};

// Calls that wait, for DriverEntry and DriverUnload.

static NTSTATUS EchoDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context) {
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent((PKEVENT)Context, IO_NETWORK_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID EchoPrepare(PIRP Irp, PKEVENT Event) {
    IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
    KeInitializeEvent(Event, SynchronizationEvent, FALSE);
    IoSetCompletionRoutine(Irp, EchoDone, Event, TRUE, TRUE, TRUE);
}

static NTSTATUS EchoWait(PIRP Irp, PKEVENT Event) {
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
    return Irp->IoStatus.Status;
}

static NTSTATUS EchoListen(PIRP Irp) {
    SOCKADDR_IN address;
    WSK_EVENT_CALLBACK_CONTROL events = {
        &NPI_WSK_INTERFACE_ID, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT};
    const WSK_PROVIDER_LISTEN_DISPATCH *dispatch;
    KEVENT event;
    NTSTATUS status = Npi.Dispatch->WskControlClient(
        Npi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof events, &events, 0, NULL, NULL, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    EchoPrepare(Irp, &event);
    Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, NULL,
        &ListenDispatch, NULL, NULL, NULL, Irp);
    status = EchoWait(Irp, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Listener = (PWSK_SOCKET)Irp->IoStatus.Information;
    dispatch = (const WSK_PROVIDER_LISTEN_DISPATCH *)Listener->Dispatch;
    RtlZeroMemory(&address, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = RtlUlongByteSwap(0x7f000001);
    EchoPrepare(Irp, &event);
    dispatch->WskBind(Listener, (PSOCKADDR)&address, 0, Irp);
    status = EchoWait(Irp, &event);
    if (NT_SUCCESS(status)) {
        EchoPrepare(Irp, &event);
        dispatch->WskGetLocalAddress(Listener, (PSOCKADDR)&address, Irp);
        status = EchoWait(Irp, &event);
        EchoPort = RtlUshortByteSwap(address.sin_port);
    }
    return status;
}

static VOID EchoCloseListener(VOID) {
    PIRP irp = Listener ? IoAllocateIrp(1, FALSE) : NULL;
    KEVENT event;
    if (!irp) {
        return;
    }
    EchoPrepare(irp, &event);
    ((const WSK_PROVIDER_LISTEN_DISPATCH *)Listener->Dispatch)->WskCloseSocket(Listener, irp);
    EchoWait(irp, &event);
    IoFreeIrp(irp);
    Listener = NULL;
}

static VOID EchoUnload(PDRIVER_OBJECT Driver) {
    PAGED_CODE();
    UNREFERENCED_PARAMETER(Driver);
    EchoCloseListener();
    ExWaitForRundownProtectionRelease(&Connections);
    WskReleaseProviderNPI(&Registration);
    WskDeregister(&Registration);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath) {
    WSK_CLIENT_NPI client = {NULL, &ClientDispatch};
    PIRP irp;
    NTSTATUS status;
    UNREFERENCED_PARAMETER(RegistryPath);
    ExInitializeDriverRuntime(DrvRtPoolNxOptIn);
    ExInitializeRundownProtection(&Connections);
    Driver->DriverUnload = EchoUnload;
    status = WskRegister(&client, &Registration);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &Npi);
    if (!NT_SUCCESS(status)) {
        WskDeregister(&Registration);
        return status;
    }
    irp = IoAllocateIrp(1, FALSE);
    status = irp ? EchoListen(irp) : STATUS_INSUFFICIENT_RESOURCES;
    IoFreeIrp(irp);
    if (!NT_SUCCESS(status)) {
        EchoUnload(Driver);
        return status;
    }
    DbgPrint("echo: listening on port %u\n", EchoPort);
    return STATUS_SUCCESS;
}
