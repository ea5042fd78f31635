/// What the fixtures share: a client of the sockets in the style of a driver, and checks that end the program.
#ifndef CHECK_H
#define CHECK_H

#include <ntddk.h>
#include <wsk.h>

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                               \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), exit(1)))
#define CHECK_STATUS(got, wanted) check_status(__FILE__, __LINE__, #got, (got), (wanted))

static inline void check_status(const char *file, int line, const char *text, NTSTATUS got, NTSTATUS wanted) {
    if (got != wanted) {
        fprintf(stderr, "%s:%d: %s is 0x%08x, not 0x%08x\n", file, line, text, (unsigned)got, (unsigned)wanted);
        exit(1);
    }
}

static WSK_REGISTRATION registration;
static WSK_PROVIDER_NPI npi;
static const WSK_CLIENT_DISPATCH client_dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

static inline void begin_client(void) {
    WSK_CLIENT_NPI client = {NULL, &client_dispatch};
    CHECK_STATUS(WskRegister(&client, &registration), STATUS_SUCCESS);
    CHECK_STATUS(WskCaptureProviderNPI(&registration, WSK_INFINITE_WAIT, &npi), STATUS_SUCCESS);
}

static inline void end_client(void) {
    WskReleaseProviderNPI(&registration);
    WskDeregister(&registration);
}

/// An IRP with an event that its completion sets.
typedef struct call {
    PIRP irp;
    KEVENT done;
    LONG completions;
    BOOLEAN pended;
} call;

static NTSTATUS call_done(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    call *self = (call *)context;
    UNREFERENCED_PARAMETER(device);
    self->pended = irp->PendingReturned;
    InterlockedIncrement(&self->completions);
    KeSetEvent(&self->done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static inline void begin_call(call *self) {
    self->irp = IoAllocateIrp(1, FALSE);
    CHECK(self->irp);
    KeInitializeEvent(&self->done, NotificationEvent, FALSE);
    self->completions = 0;
    IoSetCompletionRoutine(self->irp, call_done, self, TRUE, TRUE, TRUE);
}

static inline void again(call *self) {
    IoReuseIrp(self->irp, STATUS_UNSUCCESSFUL);
    KeClearEvent(&self->done);
    self->completions = 0;
    IoSetCompletionRoutine(self->irp, call_done, self, TRUE, TRUE, TRUE);
}

/// Waits for the completion of a call that returned `status`, and answers how it ended.
static inline NTSTATUS wait_call(call *self, NTSTATUS status) {
    KeWaitForSingleObject(&self->done, Executive, KernelMode, FALSE, NULL);
    CHECK(self->completions == 1);
    CHECK(self->pended == (status == STATUS_PENDING));
    if (status != STATUS_PENDING) {
        CHECK_STATUS(self->irp->IoStatus.Status, status);
    }
    return self->irp->IoStatus.Status;
}

static inline void end_call(call *self) { IoFreeIrp(self->irp); }

/// Data of `length` bytes in an MDL.
static inline PMDL make_mdl(void *data, ULONG length) {
    PMDL mdl = IoAllocateMdl(data, length, FALSE, FALSE, NULL);
    CHECK(mdl);
    MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

static inline SOCKADDR_IN loopback(USHORT port) {
    SOCKADDR_IN address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = RtlUshortByteSwap(port);
    address.sin_addr.s_addr = RtlUlongByteSwap(0x7f000001);
    return address;
}

#ifdef __cplusplus
#define BASIC(dispatch) (dispatch)->Basic.
#else
#define BASIC(dispatch) (dispatch)->
#endif

/// The dispatch of a socket of the category that it was opened in.
#define CONNECTION(socket) ((const WSK_PROVIDER_CONNECTION_DISPATCH *)(socket)->Dispatch)
#define DATAGRAM(socket) ((const WSK_PROVIDER_DATAGRAM_DISPATCH *)(socket)->Dispatch)
#define LISTENER(socket) ((const WSK_PROVIDER_LISTEN_DISPATCH *)(socket)->Dispatch)

static inline PWSK_SOCKET open_socket(USHORT type, ULONG protocol, ULONG flags, PVOID context, const void *dispatch) {
    call one;
    begin_call(&one);
    const NTSTATUS status = npi.Dispatch->WskSocket(
        npi.Client, AF_INET, type, protocol, flags, context, dispatch, NULL, NULL, NULL, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    const PWSK_SOCKET socket = (PWSK_SOCKET)one.irp->IoStatus.Information;
    end_call(&one);
    return socket;
}

static inline void close_socket(PWSK_SOCKET socket) {
    call one;
    begin_call(&one);
    const NTSTATUS status = BASIC(CONNECTION(socket)) WskCloseSocket(socket, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    end_call(&one);
}

static inline void bind_socket(PWSK_SOCKET socket, USHORT port) {
    SOCKADDR_IN address = loopback(port);
    call one;
    begin_call(&one);
    const NTSTATUS status = CONNECTION(socket)->WskBind(socket, (PSOCKADDR)&address, 0, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    end_call(&one);
}

static inline PWSK_SOCKET connect_socket(USHORT port) {
    SOCKADDR_IN address = loopback(port);
    const PWSK_SOCKET socket = open_socket(SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    bind_socket(socket, 0);
    call one;
    begin_call(&one);
    const NTSTATUS status = CONNECTION(socket)->WskConnect(socket, (PSOCKADDR)&address, 0, one.irp);
    CHECK_STATUS(wait_call(&one, status), STATUS_SUCCESS);
    end_call(&one);
    return socket;
}

/// Makes a call with an IRP of its own, and checks how it ends. Its byte count goes to `information`.
#define DO(wanted, function_call)                                                                                      \
    do {                                                                                                               \
        call made;                                                                                                     \
        begin_call(&made);                                                                                             \
        const PIRP irp = made.irp;                                                                                     \
        const NTSTATUS returned = function_call;                                                                       \
        CHECK_STATUS(wait_call(&made, returned), (wanted));                                                            \
        information = irp->IoStatus.Information;                                                                       \
        end_call(&made);                                                                                               \
    } while (0)

static ULONG_PTR information __attribute__((unused));

static inline WSK_BUF buffer_of(void *bytes, ULONG length) {
    WSK_BUF buffer = {make_mdl(bytes, length), 0, length};
    return buffer;
}

#endif
