import CLamina
import CLinux
import Glibc

/// One operation at a time of a chain's socket: a request, and who is told of its end on the worker's thread.
final class ChainOperation: @unchecked Sendable {
    // The loop's thread starts operations; a completion may come on any thread, and `arrivals` decides who goes on.
    private let loop: EventLoop
    private let request: UnsafeMutablePointer<lamina_request>
    private var arrivals: UInt32 = 0
    private var ended: ((lamina_status, Int) -> Void)?

    /// Operations whose ends are told on `loop`'s thread.
    init(_ loop: EventLoop) {
        self.loop = loop
        request = .allocate(capacity: 1)
        request.initialize(to: lamina_request())
    }

    deinit {
        request.deallocate()
    }

    /// The socket that an open gave.
    var socket: lamina_socket? {
        request.pointee.socket.map { lamina_socket(slot: $0, generation: request.pointee.socket_generation) }
    }

    /// The label of the level that failed; nil where none did.
    var failedLevel: String? { request.pointee.failed_level.map { String(cString: $0) } }

    /// Whether a request is the operation's, and no level hears of its end.
    func isAlone(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        request == self.request && request.pointee.frame_count <= 1
    }

    /// Makes a call with the request. Answers its end, or nil: then `ended` is told it later.
    func start(
        _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status,
        ended: @escaping (lamina_status, Int) -> Void
    ) -> (status: lamina_status, bytes: Int)? {
        clinux_store_u32(&arrivals, 0)
        self.ended = ended
        lamina_request_prepare(request, Self.completed, Unmanaged.passRetained(self).toOpaque())
        _ = call(request)
        guard clinux_add_u32(&arrivals, 1) == 2 else { return nil }
        self.ended = nil
        return end
    }

    /// Makes a call whose end is always told later or here, through `ended`.
    func run(
        _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status,
        ended: @escaping (lamina_status, Int) -> Void
    ) {
        if let end = start(call, ended: ended) { ended(end.status, end.bytes) }
    }

    private static let completed: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let operation = Unmanaged<ChainOperation>.fromOpaque(context).takeRetainedValue()
        if clinux_add_u32(&operation.arrivals, 1) == 2 { operation.loop.enter { operation.tell() } }
        return 0
    }

    /// Cancels the operation that is under way on a socket of the chain. It ends as any, and may have succeeded.
    func cancel(on socket: lamina_socket) {
        _ = socket.slot.pointee.column.pointee.upcalls.pointee.cancel(request)
    }

    /// How it ended. Whatever a level says, its status can be negated, and its count is one.
    private var end: (status: lamina_status, bytes: Int) {
        (max(request.pointee.status, -.max), Int(clamping: request.pointee.bytes))
    }

    private func tell() {
        let ended = ended
        self.ended = nil
        ended?(end.status, end.bytes)
    }
}
