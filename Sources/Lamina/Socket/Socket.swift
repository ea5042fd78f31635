public import CLamina
import CLinux
import Glibc

extension lamina_socket: @retroactive @unchecked Sendable {
    // A pair of numbers; what they name is safe from any thread.
}

/// A socket on a chain: slot 0 of a column, which the program holds as a value (SOCKET, PWSK_SOCKET).
///
/// Copies name the same socket. It lives until `close`; a call after that, on any copy, throws `closed`, also when the
/// memory has become another socket. Calls may come from any thread at once.
///
/// The `async` calls suspend, and end early when their task is cancelled. `waiting` has the same calls for a thread that
/// may block.
public struct Socket: Sendable {
    /// The handle that C calls take.
    public let handle: lamina_socket
    /// The chain that it was opened on.
    public let chain: Chain
    /// The socket's number in traces: no other socket of this process has it.
    public let serial: UInt64

    /// A socket that a C call gave.
    public init(handle: lamina_socket, chain: Chain) {
        self.handle = handle
        self.chain = chain
        // Not through the slot, which holds nothing any more where the handle is stale.
        serial = (UnsafeMutableRawPointer(handle.slot).assumingMemoryBound(to: lamina_column.self) - 1).pointee.serial
    }

    /// The same calls, blocking the thread that makes them.
    public var waiting: Waiting { Waiting(socket: self) }

    /// Says who hears this socket's events (WSK_CLIENT_…_DISPATCH), with a context for slot 0: on an opened socket, or an
    /// accepted one inside its accept event, before any is enabled by `enable_indications`. The table must live as long
    /// as the socket; nil for nobody. Throws `closed`, or EBUSY where indications are enabled.
    public func setIndications(
        _ table: UnsafePointer<lamina_indications>?,
        context: UnsafeMutableRawPointer?
    ) throws(LaminaError) {
        guard lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "indications") }
        defer { lamina_leave() }
        let column = handle.slot.pointee.column
        let base = handle.slot + Int(column.pointee.levels)
        guard clinux_load_u32(&base.pointee.enabled) == 0 else { throw Outcome.error(-EBUSY, "indications") }
        column.pointee.client = table
        handle.slot.pointee.context = context
    }

    /// Ends the socket (close, WskCloseSocket): calls inside it return, what pends completes as cancelled, its levels
    /// close. Returns at once; errors of a level's close go to the log. Closing twice does nothing.
    public func close() {
        ColumnClosing.close(handle) { _ in }
    }
}

/// What a socket is opened as.
public struct SocketOptions: Sendable {
    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    public var family: Int32
    /// `SOCK_STREAM` or `SOCK_DGRAM`.
    public var type: Int32
    /// 0, or e.g. `IPPROTO_TCP`.
    public var proto: Int32
    /// What it is for; decides which calls it takes.
    public var category: SocketCategories
    /// For whom it is opened.
    public var origin: OriginStorage

    /// Options in their parts; for this program unless `origin` says otherwise.
    public init(
        family: Int32,
        type: Int32,
        proto: Int32 = 0,
        category: SocketCategories,
        origin: OriginStorage = .program
    ) {
        self.family = family
        self.type = type
        self.proto = proto
        self.category = category
        self.origin = origin
    }

    /// The family that options have unless they say otherwise.
    public static var ipv4: Int32 { AF_INET }

    /// A socket that connects (WSK_FLAG_CONNECTION_SOCKET).
    public static func connection(_ family: Int32 = SocketOptions.ipv4) -> SocketOptions {
        SocketOptions(family: family, type: Int32(SOCK_STREAM.rawValue), category: .connection)
    }

    /// A socket that takes connections (WSK_FLAG_LISTEN_SOCKET).
    public static func listen(_ family: Int32 = SocketOptions.ipv4) -> SocketOptions {
        SocketOptions(family: family, type: Int32(SOCK_STREAM.rawValue), category: .listen)
    }

    /// A socket of datagrams (WSK_FLAG_DATAGRAM_SOCKET).
    public static func datagram(_ family: Int32 = SocketOptions.ipv4) -> SocketOptions {
        SocketOptions(family: family, type: Int32(SOCK_DGRAM.rawValue), category: .datagram)
    }

    var arguments: lamina_open_arguments {
        var arguments = lamina_open_arguments()
        arguments.size = UInt32(MemoryLayout<lamina_open_arguments>.size)
        arguments.family = family
        arguments.type = type
        arguments.protocol = proto
        arguments.category = category.rawValue
        return arguments
    }
}

/// Which direction `disconnect` ends.
public struct DisconnectOptions: OptionSet, Sendable {
    /// The bits (`LAMINA_DISCONNECT_…`).
    public let rawValue: UInt32

    /// Options by their bits; none: the sending direction, gracefully.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Reset the connection.
    public static let abortive = DisconnectOptions(rawValue: UInt32(LAMINA_DISCONNECT_ABORTIVE))
    /// Stop receiving.
    public static let receiving = DisconnectOptions(rawValue: UInt32(LAMINA_DISCONNECT_RECEIVE))
    /// Leave the sending direction as it is.
    public static let keepSending = DisconnectOptions(rawValue: UInt32(LAMINA_DISCONNECT_KEEP_SENDING))
}

/// One datagram that came.
public struct Datagram: Sendable {
    /// Its bytes, as many as there was room for.
    public let bytes: [UInt8]
    /// Who sent it; nil where the transport doesn't say.
    public let sender: Address?
    /// `LAMINA_MESSAGE_…`.
    public let flags: UInt32
    /// What the socket was asked to tell beside it, as far as there was room.
    public let control: [ControlData]

    /// Whether it was longer than the room.
    public var isTruncated: Bool { flags & UInt32(LAMINA_MESSAGE_TRUNCATED) != 0 }

    /// The control data of this level and type; nil where there are none.
    public func control(_ level: Int32, _ type: Int32) -> ControlData? {
        control.first { $0.level == level && $0.type == type }
    }
}
