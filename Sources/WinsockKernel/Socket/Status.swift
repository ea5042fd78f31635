import CLamina
import CWinsockKernel
import Glibc

/// Which NTSTATUS stands for how an operation ended.
enum Status {
    /// `status` is 0 or a negative errno.
    static func of(_ status: lamina_status, _ kind: Kind) -> NTSTATUS {
        guard status < 0 else { return STATUS_SUCCESS }
        switch -status {
        case ECANCELED: return STATUS_CANCELLED
        case ETIMEDOUT, ETIME: return STATUS_IO_TIMEOUT
        case ECONNREFUSED: return STATUS_CONNECTION_REFUSED
        case ECONNRESET, EPIPE: return STATUS_CONNECTION_RESET
        case ECONNABORTED: return STATUS_CONNECTION_ABORTED
        case EBADF, ESTALE: return STATUS_FILE_FORCED_CLOSED
        case ENOTCONN, EISCONN, EALREADY, EDESTADDRREQ: return STATUS_INVALID_DEVICE_STATE
        case EINVAL: return kind.meansState ? STATUS_INVALID_DEVICE_STATE : STATUS_INVALID_PARAMETER
        case EADDRINUSE: return STATUS_ADDRESS_ALREADY_EXISTS
        case EADDRNOTAVAIL: return STATUS_INVALID_ADDRESS_COMPONENT
        case EAFNOSUPPORT: return kind.opens ? STATUS_PROTOCOL_UNREACHABLE : STATUS_INVALID_ADDRESS_COMPONENT
        case EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPROTOTYPE: return STATUS_PROTOCOL_UNREACHABLE
        case EACCES, EPERM: return STATUS_ACCESS_DENIED
        case ENETUNREACH, ENETDOWN: return STATUS_NETWORK_UNREACHABLE
        case EHOSTUNREACH, EHOSTDOWN: return STATUS_HOST_UNREACHABLE
        case ENOMEM, ENOBUFS, EMFILE, ENFILE: return STATUS_INSUFFICIENT_RESOURCES
        case EOPNOTSUPP, ENOTSUP, ENOPROTOOPT, ENOSYS: return STATUS_NOT_SUPPORTED
        case EMSGSIZE: return STATUS_BUFFER_OVERFLOW
        case ENOENT, ENXIO: return STATUS_NO_MATCH
        case EAGAIN: return STATUS_DEVICE_NOT_READY
        case EFAULT: return STATUS_ACCESS_VIOLATION
        default: return STATUS_UNEXPECTED_NETWORK_ERROR
        }
    }
}

/// What an IRP asks for.
enum Kind: UInt32 {
    case open, openConnected, controlClient, addressInfo, nameInfo
    case control, close, bind, listen, accept, inspectComplete, localAddress, remoteAddress
    case connect, send, receive, disconnect, sendTo, sendMessages, receiveFrom, setRemote, disable

    /// The function that it stands for.
    var function: String {
        switch self {
        case .open: "WskSocket"
        case .openConnected: "WskSocketConnect"
        case .controlClient: "WskControlClient"
        case .addressInfo: "WskGetAddressInfo"
        case .nameInfo: "WskGetNameInfo"
        case .control, .setRemote, .disable: "WskControlSocket"
        case .close: "WskCloseSocket"
        case .bind: "WskBind"
        case .listen: "WskListen"
        case .accept: "WskAccept"
        case .inspectComplete: "WskInspectComplete"
        case .localAddress: "WskGetLocalAddress"
        case .remoteAddress: "WskGetRemoteAddress"
        case .connect: "WskConnect"
        case .send: "WskSend"
        case .receive: "WskReceive"
        case .disconnect: "WskDisconnect"
        case .sendTo: "WskSendTo"
        case .sendMessages: "WskSendMessages"
        case .receiveFrom: "WskReceiveFrom"
        }
    }

    var opens: Bool { self == .open || self == .openConnected }

    /// Whether the system's "invalid argument" speaks of the socket's state: everything else has been checked before.
    var meansState: Bool {
        switch self {
        case .bind, .listen, .accept, .connect, .disconnect, .send, .receive: true
        default: false
        }
    }
}
