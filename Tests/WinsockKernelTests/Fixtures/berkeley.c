// A driver that gives itself the calls of the socket interface, under their usual names, over stream sockets: each call
// waits for its IRP, which lies in a context of the call's own, and cancels it when its time is over.
#include <Ntddk.h>
#include <Wsk.h>

#define TAG 'kreB'
#define FOREVER 0xffffffffu

typedef struct _CONTEXT {
    SLIST_ENTRY Free;
    KEVENT Done;
    PMDL Mdl;
    DECLSPEC_ALIGN(16) UCHAR Irp[sizeof(IRP) + 2 * sizeof(IO_STACK_LOCATION)];
} CONTEXT, *PCONTEXT;

static const WSK_CLIENT_DISPATCH Dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_REGISTRATION Registration;
static WSK_PROVIDER_NPI Provider;
static NPAGED_LOOKASIDE_LIST Contexts;
static SLIST_HEADER FreeContexts;
static PVOID Server;
static PWSK_SOCKET Listener;
static volatile LONG Failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            InterlockedIncrement(&Failures);                                                                           \
            DbgPrint("berkeley: line %d: %s\n", __LINE__, #condition);                                                 \
        }                                                                                                              \
    } while (0)

static NTSTATUS Completed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context) {
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(&((PCONTEXT)Context)->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PCONTEXT Begin(PVOID Data, ULONG Length) {
    PSLIST_ENTRY entry = InterlockedPopEntrySList(&FreeContexts);
    PCONTEXT context = entry ? CONTAINING_RECORD(entry, CONTEXT, Free)
                             : (PCONTEXT)ExAllocateFromNPagedLookasideList(&Contexts);
    if (!context) {
        return NULL;
    }
    PIRP irp = (PIRP)context->Irp;
    IoInitializeIrp(irp, sizeof context->Irp, 2);
    KeInitializeEvent(&context->Done, SynchronizationEvent, FALSE);
    IoSetCompletionRoutine(irp, Completed, context, TRUE, TRUE, TRUE);
    context->Mdl = NULL;
    if (Data && (context->Mdl = IoAllocateMdl(Data, Length, FALSE, FALSE, NULL)) != NULL) {
        __try {
            MmProbeAndLockPages(context->Mdl, KernelMode, IoModifyAccess);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            EXPECT(!"an exception");
        }
    }
    return context;
}

/// Waits for a call that answered `Status`; what takes longer is cancelled.
static NTSTATUS End(PCONTEXT Context, NTSTATUS Status, ULONG Milliseconds, ULONG_PTR *Information) {
    PIRP irp = (PIRP)Context->Irp;
    LARGE_INTEGER timeout;
    timeout.QuadPart = Int32x32To64(Milliseconds, -10000);
    if (Status == STATUS_PENDING) {
        PLARGE_INTEGER until = Milliseconds == FOREVER ? NULL : &timeout;
        if (KeWaitForSingleObject(&Context->Done, Executive, KernelMode, FALSE, until) == STATUS_TIMEOUT) {
            IoCancelIrp(irp);
            KeWaitForSingleObject(&Context->Done, Executive, KernelMode, FALSE, NULL);
            if (irp->IoStatus.Status == STATUS_CANCELLED) {
                irp->IoStatus.Status = STATUS_IO_TIMEOUT;
            }
        }
        Status = irp->IoStatus.Status;
    }
    if (Information) {
        *Information = irp->IoStatus.Information;
    }
    if (Context->Mdl) {
        MmUnlockPages(Context->Mdl);
        IoFreeMdl(Context->Mdl);
    }
    IoCleanupIrp(irp);
    InterlockedPushEntrySList(&FreeContexts, &Context->Free);
    return Status;
}

#define STREAM(socket) ((const WSK_PROVIDER_STREAM_DISPATCH *)(socket)->Dispatch)
#define CALL(milliseconds, information, data, length, call)                                                            \
    PCONTEXT context = Begin(data, length);                                                                            \
    if (!context) {                                                                                                    \
        return STATUS_INSUFFICIENT_RESOURCES;                                                                          \
    }                                                                                                                  \
    PIRP irp = (PIRP)context->Irp;                                                                                     \
    return End(context, call, milliseconds, information)

NTSTATUS socket(PWSK_SOCKET *Socket) {
    CALL(FOREVER, (ULONG_PTR *)Socket, NULL, 0,
        Provider.Dispatch->WskSocket(Provider.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_STREAM_SOCKET, NULL,
            NULL, NULL, NULL, NULL, irp));
}

NTSTATUS bind(PWSK_SOCKET Socket, SOCKADDR_IN *Address) {
    CALL(FOREVER, NULL, NULL, 0, STREAM(Socket)->WskBind(Socket, (PSOCKADDR)Address, 0, irp));
}

NTSTATUS listen(PWSK_SOCKET Socket) { CALL(FOREVER, NULL, NULL, 0, STREAM(Socket)->WskListen(Socket, irp)); }

NTSTATUS getsockname(PWSK_SOCKET Socket, SOCKADDR_IN *Address) {
    CALL(FOREVER, NULL, NULL, 0, STREAM(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)Address, irp));
}

NTSTATUS accept(PWSK_SOCKET Socket, PWSK_SOCKET *Accepted, ULONG Milliseconds) {
    CALL(Milliseconds, (ULONG_PTR *)Accepted, NULL, 0,
        STREAM(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, NULL, irp));
}

NTSTATUS connect(PWSK_SOCKET Socket, SOCKADDR_IN *Address) {
    CALL(5000, NULL, NULL, 0, STREAM(Socket)->WskConnect(Socket, (PSOCKADDR)Address, 0, irp));
}

NTSTATUS close(PWSK_SOCKET Socket) { CALL(FOREVER, NULL, NULL, 0, STREAM(Socket)->WskCloseSocket(Socket, irp)); }

// What WskAccept gives is a connection socket, whose table is another one.

#define CONNECTION(socket) ((const WSK_PROVIDER_CONNECTION_DISPATCH *)(socket)->Dispatch)

NTSTATUS transfer(PWSK_SOCKET Socket, PVOID Data, ULONG Length, BOOLEAN IsSend, BOOLEAN IsStream, ULONG Milliseconds,
    SIZE_T *Done) {
    PCONTEXT context = Begin(Data, Length);
    if (!context || !context->Mdl) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    WSK_BUF buffer = {context->Mdl, 0, Length};
    PFN_WSK_SEND send_function = IsStream ? STREAM(Socket)->WskSend : CONNECTION(Socket)->WskSend;
    PFN_WSK_RECEIVE receive_function = IsStream ? STREAM(Socket)->WskReceive : CONNECTION(Socket)->WskReceive;
    NTSTATUS status = (IsSend ? send_function : receive_function)(Socket, &buffer, 0, (PIRP)context->Irp);
    return End(context, status, Milliseconds, Done);
}

NTSTATUS send(PWSK_SOCKET Socket, PVOID Data, ULONG Length, BOOLEAN IsStream) {
    SIZE_T done = 0;
    NTSTATUS status = transfer(Socket, Data, Length, TRUE, IsStream, FOREVER, &done);
    EXPECT(!NT_SUCCESS(status) || done == Length);
    return status;
}

NTSTATUS recv(PWSK_SOCKET Socket, PVOID Data, ULONG Length, BOOLEAN IsStream, ULONG Milliseconds, SIZE_T *Done) {
    return transfer(Socket, Data, Length, FALSE, IsStream, Milliseconds, Done);
}

NTSTATUS shutdown(PWSK_SOCKET Socket, BOOLEAN IsStream) {
    CALL(5000, NULL, NULL, 0,
        (IsStream ? STREAM(Socket)->WskDisconnect : CONNECTION(Socket)->WskDisconnect)(Socket, NULL, 0, irp));
}

/// Echoes until its listener is closed. A connection that is closed before its end was sent would be reset.
static VOID Serve(PVOID Unused) {
    UNREFERENCED_PARAMETER(Unused);
    for (;;) {
        PWSK_SOCKET client = NULL;
        const NTSTATUS status = accept(Listener, &client, 20);
        if (status == STATUS_IO_TIMEOUT) {
            continue;
        }
        if (!NT_SUCCESS(status)) {
            break;
        }
        CHAR bytes[256];
        SIZE_T count = 0;
        while (NT_SUCCESS(recv(client, bytes, sizeof bytes, FALSE, FOREVER, &count)) && count) {
            EXPECT(NT_SUCCESS(send(client, bytes, (ULONG)count, FALSE)));
        }
        EXPECT(NT_SUCCESS(shutdown(client, FALSE)));
        EXPECT(NT_SUCCESS(close(client)));
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID Talk(SOCKADDR_IN *Address) {
    SOCKADDR_IN any = {.sin_family = AF_INET};
    CHAR bytes[256] = "hello";
    SIZE_T count = 0;
    PWSK_SOCKET peer = NULL;
    any.sin_addr.s_addr = Address->sin_addr.s_addr;
    EXPECT(NT_SUCCESS(socket(&peer)));
    EXPECT(NT_SUCCESS(bind(peer, &any)));
    EXPECT(NT_SUCCESS(connect(peer, Address)));
    EXPECT(NT_SUCCESS(send(peer, bytes, 5, TRUE)));
    RtlZeroMemory(bytes, sizeof bytes);
    while (count < 5) {
        SIZE_T more = 0;
        EXPECT(NT_SUCCESS(recv(peer, bytes + count, sizeof bytes, TRUE, FOREVER, &more)) && more);
        count += more ? more : 5;
    }
    EXPECT(RtlEqualMemory(bytes, "hello", 5));
    // Nothing comes, so this one is cancelled; the connection goes on.
    EXPECT(recv(peer, bytes, sizeof bytes, TRUE, 30, &count) == STATUS_IO_TIMEOUT);
    EXPECT(NT_SUCCESS(shutdown(peer, TRUE)));
    EXPECT(NT_SUCCESS(recv(peer, bytes, sizeof bytes, TRUE, FOREVER, &count)) && count == 0);
    EXPECT(NT_SUCCESS(close(peer)));
}

static VOID Unload(PDRIVER_OBJECT Driver) {
    UNREFERENCED_PARAMETER(Driver);
    if (Listener) {
        EXPECT(NT_SUCCESS(close(Listener)));
    }
    if (Server) {
        KeWaitForSingleObject(Server, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Server);
    }
    WskReleaseProviderNPI(&Registration);
    WskDeregister(&Registration);
    for (PSLIST_ENTRY entry; (entry = InterlockedPopEntrySList(&FreeContexts)) != NULL;) {
        ExFreeToNPagedLookasideList(&Contexts, CONTAINING_RECORD(entry, CONTEXT, Free));
    }
    ExDeleteNPagedLookasideList(&Contexts);
    DbgPrint("berkeley: unloaded with %d failures\n", Failures);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath) {
    UNREFERENCED_PARAMETER(RegistryPath);
    WSK_CLIENT_NPI client = {NULL, &Dispatch};
    SOCKADDR_IN address = {.sin_family = AF_INET};
    HANDLE thread;
    Driver->DriverUnload = Unload;
    ExInitializeNPagedLookasideList(&Contexts, NULL, NULL, 0, sizeof(CONTEXT), TAG, 0);
    InitializeSListHead(&FreeContexts);
    EXPECT(NT_SUCCESS(WskRegister(&client, &Registration)));
    EXPECT(NT_SUCCESS(WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &Provider)));
    address.sin_addr.s_addr = RtlUlongByteSwap(INADDR_LOOPBACK);
    EXPECT(NT_SUCCESS(socket(&Listener)));
    EXPECT(NT_SUCCESS(bind(Listener, &address)));
    EXPECT(NT_SUCCESS(getsockname(Listener, &address)) && address.sin_port != 0);
    EXPECT(NT_SUCCESS(listen(Listener)));
    EXPECT(NT_SUCCESS(
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Serve, NULL)));
    EXPECT(NT_SUCCESS(
        ObReferenceObjectByHandle(thread, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Server, NULL)));
    ZwClose(thread);
    for (int turn = 0; turn < 20; turn++) {
        Talk(&address);
    }
    DbgPrint("berkeley: talked with %d failures\n", Failures);
    return STATUS_SUCCESS;
}
