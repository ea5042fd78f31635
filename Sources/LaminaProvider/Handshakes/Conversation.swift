import CLamina
import CLinux
import Glibc

/// What a layer says and hears before a connection is the program's (`Next.converse`), one step at a time: each ends with a
/// closure that runs here or later, on any thread, and must not block. A conversation ends once, by the first that ends it,
/// after the step that is under way. One that nobody keeps any more and nobody has ended fails with EIO.
///
/// A step fails with ETIMEDOUT where it takes too long, with ECANCELED where the program has given up or the socket closes,
/// and with EALREADY where another is under way. Steps allocate; any thread.
public final class Conversation: @unchecked Sendable {
    let state: HandshakeState
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let stepTime: Int64
    /// The step's, from its beginning to its end, and readable for a late cancel.
    let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    /// How the conversation ends. Guarded by the lock of `state`.
    var result: lamina_status?
    // The step's.
    private(set) var hasConnected = false
    private var then: ((lamina_status, UInt64) -> Void)?

    init(_ state: HandshakeState, _ slot: UnsafeMutablePointer<lamina_slot>, _ stepTime: Int64) {
        self.state = state
        self.slot = slot
        self.stepTime = stepTime
        request.initialize(to: lamina_request())
    }

    deinit {
        state.end(self, -EIO)
        request.deallocate()
    }

    // MARK: - Steps

    /// Connects to this address, by the levels below. Where that fails, another may be tried.
    public func connect(to address: Address, then: @escaping @Sendable (Result<Void, Failure>) -> Void) {
        begin { slot, request in
            withUnsafePointer(to: address.c) { _ = lamina_connect(slot, $0, 0, request) }
        } then: { [self] status, _ in
            if status >= 0 { hasConnected = true }
            then(status < 0 ? .failure(Failure(status)) : .success(()))
        }
    }

    /// Sends all of these bytes. The copy that is made of them is wiped afterwards.
    public func send(_ bytes: [UInt8], then: @escaping @Sendable (Result<Void, Failure>) -> Void) {
        let room = DataRoom(bytes.count)
        room.bytes.copyBytes(from: bytes)
        begin { slot, request in
            withUnsafePointer(to: room.buffer) { _ = lamina_send(slot, $0, 1, 0, request) }
        } then: { status, _ in
            room.wipe()
            then(status < 0 ? .failure(Failure(status)) : .success(()))
        }
    }

    /// Receives so many bytes, or fewer where the stream ends before, and none that comes behind them.
    public func receive(_ count: Int, then: @escaping @Sendable (Result<[UInt8], Failure>) -> Void) {
        let room = DataRoom(count)
        begin { slot, request in
            let flags = UInt32(LAMINA_RECEIVE_WAIT_ALL)
            withUnsafePointer(to: room.buffer) { _ = lamina_receive(slot, $0, 1, flags, request) }
        } then: { status, bytes in
            then(status < 0 ? .failure(Failure(status)) : .success(Array(room.bytes.prefix(Int(clamping: bytes)))))
        }
    }

    private func begin(
        _ issue: (UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>) -> Void,
        then: @escaping (lamina_status, UInt64) -> Void
    ) {
        let status = state.admit(self) {
            self.then = then
            lamina_request_prepare(request, Self.ended, Unmanaged.passRetained(self).toOpaque())
            let now = clinux_monotonic()
            request.pointee.deadline = stepTime < .max - now ? now + stepTime : 0
        }
        guard status == 0 else { return then(status, 0) }
        issue(slot, request)
    }

    private static let ended: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        let own = Unmanaged<Conversation>.fromOpaque(context).takeRetainedValue()
        let then = own.then
        own.then = nil
        let (status, bytes) = (request.pointee.status, request.pointee.bytes)
        if !own.state.isOverAfterStep(of: own) { then?(status, bytes) }
        return 0
    }

    // MARK: - Its end

    /// The way is open: the program's connect ends with success. What the program wants indicated is asked for before.
    public func end() {
        let wanted = state.takeWanted()
        guard !wanted.isEmpty else { return state.end(self, 0) }
        begin { slot, request in
            _ = lamina_enable_indications(slot, wanted.rawValue, 0, request)
        } then: { [self] status, _ in
            if status < 0 { state.end(self, status) } else { end() }
        }
    }

    /// The program's connect fails with a positive `errno`.
    public func fail(_ errno: Int32) { state.end(self, -Int32(clamping: errno.magnitude)) }

    /// The same with a failure, whose message, where it has one, is a warning in the log.
    public func fail(_ failure: Failure) {
        if !failure.message.isEmpty { Socket(slot).log(.warning, failure.message) }
        fail(failure.errno)
    }
}
