import CLamina
import Glibc

/// A column that a terminating layer opened (slot 0 of it). It closes with its socket, or before that by `close`.
///
/// What is begun in it ends once, by a closure that runs here or later, on any thread, and must not block. A `PendingCall` that it
/// is for takes it along: when that call has ended, it is cancelled. ECANCELED: it was, or the column closes.
public final class LowerColumn: @unchecked Sendable {
    /// Where its open and its close stand.
    enum Phase { case opening, open, closing, gone }

    // Guarded by the lock of `owner`; `place` is constant once the column is open.
    let owner: LowerColumns
    let place = UnsafeMutablePointer<UnsafeMutablePointer<lamina_slot>?>.allocate(capacity: 1)
    var phase = Phase.opening
    var isLeaving = false
    /// Threads that are about to call it: it is closed after the last.
    var users = 0
    var opens: ColumnCall?

    init(_ owner: LowerColumns) {
        self.owner = owner
        place.initialize(to: nil)
    }

    deinit { place.deallocate() }

    /// Gives it what the layer passes on, and the entries that the layer has no protocol for. The column that was primary
    /// before stays open. Nothing happens where the column closes.
    public func makePrimary() {
        owner.locked { if phase == .open, !isLeaving { owner.name(self) } }
    }

    /// Closes it, in the background: after calls that are about to enter it, and what was begun in it is cancelled. If it was the
    /// primary, there is none.
    public func close() {
        owner.change(self) {
            isLeaving = true
            if owner.isNamed(self) { owner.name(nil) }
        }
    }

    /// Connects it.
    public func connect(
        to address: Address,
        flags: ConnectFlags = [],
        for call: PendingCall? = nil,
        then: @escaping @Sendable (Result<Void, Failure>) -> Void
    ) {
        begin(call) { lower, request in
            withUnsafePointer(to: address.c) { _ = lamina_connect(lower, $0, flags.rawValue, request) }
        } then: { status, _ in
            then(status < 0 ? .failure(Failure(status)) : .success(()))
        }
    }

    /// Sends all of these bytes on its connection.
    public func send(
        _ bytes: [UInt8],
        flags: SendFlags = [],
        for call: PendingCall? = nil,
        then: @escaping @Sendable (Result<Void, Failure>) -> Void
    ) {
        let room = DataRoom(bytes.count)
        room.bytes.copyBytes(from: bytes)
        begin(call) { lower, request in
            withUnsafePointer(to: room.buffer) { _ = lamina_send(lower, $0, 1, flags.rawValue, request) }
        } then: { status, _ in
            withExtendedLifetime(room) { then(status < 0 ? .failure(Failure(status)) : .success(())) }
        }
    }

    /// Receives 1 to `count` bytes from its connection; none at the end of the stream.
    public func receive(
        upTo count: Int,
        flags: ReceiveFlags = [],
        for call: PendingCall? = nil,
        then: @escaping @Sendable (Result<[UInt8], Failure>) -> Void
    ) {
        let room = DataRoom(count)
        begin(call) { lower, request in
            withUnsafePointer(to: room.buffer) { _ = lamina_receive(lower, $0, 1, flags.rawValue, request) }
        } then: { status, bytes in
            then(status < 0 ? .failure(Failure(status)) : .success(Array(room.bytes.prefix(Int(clamping: bytes)))))
        }
    }

    private func begin(
        _ call: PendingCall?,
        _ issue: (UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>) -> Void,
        then: @escaping (lamina_status, UInt64) -> Void
    ) {
        let begun = ColumnCall(self, call, then)
        guard owner.locked({ owner.admit(begun) }), let lower = place.pointee else { return then(-ECANCELED, 0) }
        begun.issue { issue(lower, $0) }
        owner.change(self) { users -= 1 }
    }
}

/// An operation in a lower column, with a request of its own. Its open and its close are such operations too.
final class ColumnCall: @unchecked Sendable {
    // The request is the operation's from `issue` until it has ended, and stays readable for a late cancel.
    let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    let column: LowerColumn
    let call: PendingCall?
    private let then: (lamina_status, UInt64) -> Void

    init(_ column: LowerColumn, _ call: PendingCall?, _ then: @escaping (lamina_status, UInt64) -> Void) {
        self.column = column
        self.call = call
        self.then = then
        lamina_request_prepare(request, Self.ended, Unmanaged.passUnretained(self).toOpaque())
        if call?.held.isTry == true { request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY) }
    }

    deinit { request.deallocate() }

    func issue(_ body: (UnsafeMutablePointer<lamina_request>) -> Void) {
        _ = Unmanaged.passRetained(self)
        body(request)
    }

    private static let ended: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        let own = Unmanaged<ColumnCall>.fromOpaque(context).takeRetainedValue()
        own.call?.held.remove(own, request.pointee.status, request.pointee.failed_level)
        own.then(request.pointee.status, request.pointee.bytes)
        return 0
    }
}
