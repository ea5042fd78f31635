public import CLamina

/// How a call or event ended that a layer has a note of.
public struct ObservedEnd<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    /// Nil of an event.
    @usableFromInline let request: UnsafeMutablePointer<lamina_request>?
    @usableFromInline let kept: UnsafeMutablePointer<KeptCall>?
    /// Which entry or event it is.
    public let entry: Entry
    /// 0 or more, or a negative `errno`; of an event what the levels above answered.
    public let status: Int32
    /// The request's byte count, of `receiveMessages` the number of datagrams; of indicated data on a connection the bytes that
    /// were taken.
    public let bytes: UInt64
    /// Of the event `inspect`, what it was answered with.
    public let verdict: InspectionVerdict

    @_lifetime(immortal)
    init(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ kept: UnsafeMutablePointer<KeptCall>,
        status: lamina_status
    ) {
        self.slot = slot
        self.request = request
        self.kept = kept
        entry = kept.pointee.entry
        self.status = status
        bytes = request.pointee.bytes
        verdict = .pend
    }

    @inlinable @_lifetime(immortal)
    init(_ call: borrowing ObservedCall<State>, _ status: Int32, _ bytes: UInt64, _ verdict: InspectionVerdict) {
        slot = call.slot
        request = nil
        kept = nil
        entry = call.entry
        self.status = status
        self.bytes = bytes
        self.verdict = verdict
    }

    /// The same of another type: what the SDK, which doesn't know the layer's, hands to it.
    @inlinable @_lifetime(immortal)
    init<Other: ~Copyable>(_ other: borrowing ObservedEnd<Other>) {
        slot = other.slot
        request = other.request
        kept = other.kept
        entry = other.entry
        status = other.status
        bytes = other.bytes
        verdict = other.verdict
    }

    /// The socket; of a call of the chain itself, the chain.
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }

    /// Runs `body` with the socket's state; nil in a call of the chain itself.
    public func withState<Result>(_ body: (borrowing State) -> Result) -> Result? {
        entry.isOfChain ? nil : body(Part.state(of: slot).pointee)
    }

    /// Whether it failed.
    @inlinable
    public var hasFailed: Bool { status < 0 }
    /// Whether an event's data are kept until they are released.
    public var isKept: Bool { entry.isEvent && status == LAMINA_PENDING }
    /// Whether the call waited.
    public var hasPended: Bool { (request?.pointee.flags ?? 0) & UInt32(LAMINA_REQUEST_PENDED) != 0 }
    /// The label of the level that failed; nil where none did.
    public var failedLevel: String? { request?.pointee.failed_level.map { String(cString: $0) } }

    /// The number of the socket that `accept` gave.
    public var acceptedNumber: UInt64? {
        entry == .accept ? request?.pointee.socket?.pointee.column.pointee.serial : nil
    }

    /// The address that was answered: of `accept` the peer's, of `localAddress` and `remoteAddress` what was asked for, of
    /// `receiveFrom` and `receiveMessages` the first sender. Nil where there is none. A copy.
    public var address: Address? {
        guard let address = kept?.pointee.address, address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) else {
            return nil
        }
        return Address(address.pointee)
    }

    /// The addresses that `resolve` found: how many, and the first of them. A copy.
    public var found: (count: Int, first: Address?) {
        guard let question = kept?.pointee.question else { return (0, nil) }
        let count = Int(question.pointee.count)
        return (count, count > 0 ? Address(question.pointee.addresses.pointee) : nil)
    }

    /// The name that `reverseResolve` found; empty of others.
    public var name: String { kept?.pointee.reverse.map { AddressQuestion($0).name } ?? "" }

    /// The bytes of the datagrams that `receiveMessages` received, of all together and of the first.
    public var datagramBytes: (all: UInt64, first: UInt64) {
        guard entry == .receiveMessages, let kept, let messages = kept.pointee.messages else { return (0, 0) }
        let count = Int(min(bytes, UInt64(kept.pointee.messageCount)))
        var all: UInt64 = 0
        for index in 0..<count { all &+= messages[index].bytes }
        return (all, count > 0 ? messages.pointee.bytes : 0)
    }

    /// Runs `body` with the first `count` bytes of a call's data, buffer by buffer: of what it was to send, or of what came;
    /// of `receiveMessages` the first datagram's.
    public func forEachBuffer(first count: UInt64, _ body: (borrowing RawSpan) -> Void) {
        guard let kept else { return }
        var rest = Int(clamping: min(count, entry.classes.contains(.dataIn) ? came : .max))
        let buffers = KeptCall.buffers(kept)
        for index in 0..<kept.pointee.bufferCount where rest > 0 {
            guard let base = buffers[index].base else { continue }
            let length = min(rest, buffers[index].length)
            body(UnsafeRawBufferPointer(start: base, count: length).bytes)
            rest -= length
        }
    }

    /// The bytes that came into the buffers that are known.
    private var came: UInt64 { entry == .receiveMessages ? datagramBytes.first : bytes }
}
