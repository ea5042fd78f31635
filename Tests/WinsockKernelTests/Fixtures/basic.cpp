// A driver in C++: a class for an IRP, one for a socket, the basic functions reached by their name there, headers of the
// C++ library beside structured exceptions, and datagrams from one socket to the other.
#include <NTDDK.H>
#include <wsk.h>

#include <string>
#include <vector>

EXTERN_C DRIVER_INITIALIZE DriverEntry;
EXTERN_C DRIVER_UNLOAD DriverUnload;

namespace {

const WSK_CLIENT_DISPATCH dispatch{MAKE_WSK_VERSION(1, 0), 0, nullptr};
WSK_REGISTRATION registration;
WSK_PROVIDER_NPI provider;
volatile long calls;

class Request {
public:
    Request() : irp(IoAllocateIrp(1, FALSE)) { KeInitializeEvent(&done, NotificationEvent, FALSE); }
    ~Request() { IoFreeIrp(irp); }
    Request(const Request &) = delete;
    Request &operator=(const Request &) = delete;

    template <typename Call> NTSTATUS operator()(Call call) {
        const auto completed = [](PDEVICE_OBJECT, PIRP, PVOID context) -> NTSTATUS {
            KeSetEvent(static_cast<PKEVENT>(context), IO_NO_INCREMENT, FALSE);
            return StopCompletion;
        };
        IoSetCompletionRoutine(irp, completed, &done, TRUE, TRUE, TRUE);
        InterlockedIncrement(&calls);
        if (call(irp) == STATUS_PENDING) {
            KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, nullptr);
        }
        return irp->IoStatus.Status;
    }

    ULONG_PTR information() const { return irp->IoStatus.Information; }

private:
    PIRP irp;
    KEVENT done;
};

class Datagrams {
public:
    Datagrams() {
        Request request;
        request([](PIRP irp) {
            return provider.Dispatch->WskSocket(provider.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                WSK_FLAG_DATAGRAM_SOCKET, nullptr, nullptr, nullptr, nullptr, nullptr, irp);
        });
        socket = reinterpret_cast<PWSK_SOCKET>(request.information());
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = RtlUlongByteSwap(INADDR_LOOPBACK);
        Request()([&](PIRP irp) { return table()->WskBind(socket, name(), 0, irp); });
        Request()([&](PIRP irp) { return table()->WskGetLocalAddress(socket, name(), irp); });
    }

    ~Datagrams() {
        Request()([&](PIRP irp) { return table()->Basic.WskCloseSocket(socket, irp); });
    }

    ULONG receiveBufferSize() {
        ULONG size = 0;
        Request()([&](PIRP irp) {
            return table()->Basic.WskControlSocket(
                socket, WskGetOption, SO_RCVBUF, SOL_SOCKET, 0, nullptr, sizeof size, &size, nullptr, irp);
        });
        return size;
    }

    SIZE_T send(const Datagrams &to, std::string &text) {
        return transfer(&text[0], text.size(), [&](WSK_BUF *buffer, PIRP irp) {
            return table()->WskSendTo(socket, buffer, 0, (PSOCKADDR)&to.address, 0, nullptr, irp);
        });
    }

    SIZE_T receive(std::vector<char> &bytes) {
        return transfer(bytes.data(), bytes.size(), [&](WSK_BUF *buffer, PIRP irp) {
            return table()->WskReceiveFrom(socket, buffer, 0, nullptr, nullptr, nullptr, nullptr, irp);
        });
    }

private:
    template <typename Call> SIZE_T transfer(void *data, SIZE_T length, Call call) {
        WSK_BUF buffer{IoAllocateMdl(data, static_cast<ULONG>(length), FALSE, FALSE, nullptr), 0, length};
        __try {
            MmProbeAndLockPages(buffer.Mdl, KernelMode, IoModifyAccess);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return 0;
        }
        Request request;
        const NTSTATUS status = request([&](PIRP irp) { return call(&buffer, irp); });
        MmUnlockPages(buffer.Mdl);
        IoFreeMdl(buffer.Mdl);
        return NT_SUCCESS(status) ? request.information() : 0;
    }

    const WSK_PROVIDER_DATAGRAM_DISPATCH *table() const {
        return static_cast<const WSK_PROVIDER_DATAGRAM_DISPATCH *>(socket->Dispatch);
    }
    PSOCKADDR name() { return reinterpret_cast<PSOCKADDR>(&address); }

    PWSK_SOCKET socket = nullptr;
    SOCKADDR_IN address = {};
};

} // namespace

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING) {
    driver->DriverUnload = DriverUnload;
    WSK_CLIENT_NPI client{nullptr, &dispatch};
    NTSTATUS status = WskRegister(&client, &registration);
    if (NT_SUCCESS(status)) {
        status = WskCaptureProviderNPI(&registration, WSK_INFINITE_WAIT, &provider);
    }
    if (NT_SUCCESS(status)) {
        Datagrams left, right;
        std::string text = "datagram";
        std::vector<char> bytes(64);
        const SIZE_T sent = left.send(right, text), got = right.receive(bytes);
        const bool is_same = got == text.size() && RtlEqualMemory(bytes.data(), text.data(), got);
        const bool is_known = left.receiveBufferSize() > 1000;
        DbgPrint("basic: sent %Iu, got %Iu %s, buffer %s, %ld calls\n", sent, got, is_same ? "right" : "wrong",
            is_known ? "known" : "unknown", calls);
    }
    return status;
}

VOID DriverUnload(PDRIVER_OBJECT) {
    WskReleaseProviderNPI(&registration);
    WskDeregister(&registration);
}
