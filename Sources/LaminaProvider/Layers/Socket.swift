public import CLamina
import Glibc

/// The socket that a call or event is about, while it lasts (a layer's slot).
public struct Socket: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>) { self.slot = slot }

    /// The level's name in this chain.
    public var label: String { String(cString: slot.pointee.column.pointee.upcalls.pointee.label(slot)) }

    /// The socket's number in this process.
    public var number: UInt64 { slot.pointee.column.pointee.serial }

    /// What the socket is for.
    public var category: LayerDescription.Categories {
        LayerDescription.Categories(rawValue: slot.pointee.column.pointee.category)
    }

    /// The process that opened it, or for which it was opened; 0 where nobody said.
    public var process: Int32 { slot.pointee.column.pointee.origin?.pointee.process ?? 0 }

    /// The process that it belongs to: as `process`, and this one where nobody said.
    public var owner: Int32 { slot.pointee.column.pointee.origin?.pointee.process ?? getpid() }

    /// That process's user; nil where nobody said.
    public var user: UInt32? { slot.pointee.column.pointee.origin?.pointee.user }

    /// The path of its executable; nil if unknown.
    public var executable: String? {
        slot.pointee.column.pointee.origin?.pointee.executable.map { String(cString: $0) }
    }

    /// The executable's name without its folders; nil if unknown.
    public var program: String? {
        guard let bytes = programBytes else { return nil }
        return String(bytes)
    }

    /// The same without a copy.
    var programBytes: RawSpan? {
        @_lifetime(copy self)
        get {
            guard let path = slot.pointee.column.pointee.origin?.pointee.executable else { return nil }
            let name = strrchr(path, Int32(UInt8(ascii: "/"))).map { UnsafePointer($0) + 1 } ?? path
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            return _overrideLifetime(RawSpan(_unsafeBytes: bytes), copying: self)
        }
    }

    /// The destination's name as the program asked for it; nil where it didn't.
    public var askedName: String? { slot.pointee.column.pointee.origin?.pointee.name.map { String(cString: $0) } }

    /// Whether it was accepted rather than opened to connect.
    public var isInbound: Bool { slot.pointee.column.pointee.origin?.pointee.direction == UInt32(LAMINA_INBOUND) }

    /// The socket's own address, as the levels below know it (getsockname); nil where they can't say at once. Any thread;
    /// never blocks.
    public var localAddress: Address? { asked { lamina_local_address(slot, $0, $1) } }

    /// The peer's address, likewise (getpeername).
    public var remoteAddress: Address? { asked { lamina_remote_address(slot, $0, $1) } }

    /// Whether the levels below are connected where a level comes in late: by an accept, or before the socket came to this
    /// process. A condition lets a level in before the connect.
    var isConnectedBelow: Bool { isInbound || remoteAddress != nil }

    private func asked(
        _ ask: (UnsafeMutablePointer<lamina_address>, UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) -> Address? {
        var (address, request) = (lamina_address(), lamina_request())
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        return ask(&address, &request) == 0 ? Address(address) : nil
    }

    /// Writes one line for people, after the level's label. Any thread; may block on standard error.
    public func log(_ importance: LogLevel, _ text: String) {
        slot.pointee.column.pointee.upcalls.log(importance, text, slot)
    }

    /// Writes whole lines of the layer's own output, where its user asked for it: `lamina:` and the label before each.
    /// Any thread; may block on the output.
    public func output(_ lines: String) {
        slot.pointee.column.pointee.upcalls.output(lines, label: label, slot)
    }

    /// Writes whole lines of the layer's own output as they are, where its user asked for it. Any thread; may block on the
    /// output.
    public func output(_ lines: borrowing LineBuffer) { lines.put(slot.pointee.column.pointee.upcalls, slot) }
}
