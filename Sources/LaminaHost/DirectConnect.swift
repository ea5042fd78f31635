import CLamina
import CLinux
import Glibc
import Lamina

/// A connect that is made by the program itself, to the address that came down the chain.
final class DirectConnect: @unchecked Sendable {
    // Lives until the socket of its column is closed. The worker's loop uses it; a connect may come on any thread, but
    // one at a time, and before its verdict.
    /// The chain speaks on the program's socket before the program does.
    let isLent: Bool
    private let family: Int32
    /// The level above the run's own asked for a socket of any family.
    var takesAnyFamily = false
    private let loop: EventLoop
    private let verdict: (Endpoint) -> Void
    private var slot: UnsafeMutablePointer<lamina_slot>?
    private var request: UnsafeMutablePointer<lamina_request>?
    /// The base has the program's socket.
    private(set) var hasLent = false

    /// For a program's socket of this family. `verdict` runs on the loop with the address of each connect that comes:
    /// once, and again where a layer tries another after one that failed.
    init(family: Int32, isLent: Bool, _ loop: EventLoop, verdict: @escaping (Endpoint) -> Void) {
        self.family = family
        self.isLent = isLent
        self.loop = loop
        self.verdict = verdict
    }

    /// Keeps the connect, unless it goes to an address of another family than the program's socket is, and the levels have
    /// asked for a socket of any family: then it goes down, and the program is pumped. What `connect` returns; nil: it goes
    /// down.
    func take(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafePointer<lamina_address>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status? {
        guard let endpoint = Endpoint(address.pointee) else { return nil }
        let own = family == AF_INET6 ? endpoint.mapped : endpoint.unmapped
        guard own.family == family else {
            return takesAnyFamily ? nil : lamina_complete(slot, request, -EAFNOSUPPORT, 0)
        }
        self.slot = slot
        self.request = request
        let held = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { slot, request in
            _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
        }
        if held < 0 {
            self.request = nil
            return lamina_complete(slot, request, held, 0)
        }
        loop.enter { [self] in verdict(own) }
        return LAMINA_PENDING
    }

    /// Whether a connect that ended so has failed. One that is under way hasn't; of one that nobody knows about (nil)
    /// nothing can be said.
    static func isFailure(_ error: Int32?) -> Bool {
        guard let error else { return false }
        return ![0, EINPROGRESS, EINTR].contains(error)
    }

    /// Whether a level hears what comes of it, beside who made the operation.
    func isHeard(besides operation: ChainOperation) -> Bool { request.map { !operation.isAlone($0) } ?? false }

    /// Ends the connect with what came of the program's own: 0, an errno, or nil where nobody knows. After a failure the
    /// layers may try another address before this returns.
    func end(_ error: Int32?) {
        complete(error.map { Self.isFailure($0) ? -$0 : 0 } ?? -ECANCELED)
    }

    /// The program's socket is connected, and lent: the base goes on with `descriptor`, which it owns from here on.
    func lend(_ descriptor: Int32) {
        guard let slot else {
            close(descriptor)
            return
        }
        let value = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        value.initialize(to: descriptor)
        var option = lamina_operation()
        option.size = UInt32(MemoryLayout<lamina_operation>.size)
        option.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
        option.level = Int32(LAMINA_LEVEL)
        option.code = UInt32(LAMINA_OPTION_DESCRIPTOR)
        option.input = UnsafeRawPointer(value)
        option.input_length = MemoryLayout<Int32>.size
        ChainOperation(loop).run({ lamina_control(slot, &option, $0) }) { [self] status, _ in
            hasLent = status >= 0
            if status < 0 { close(descriptor) }
            value.deallocate()
            complete(status)
        }
    }

    private func complete(_ status: lamina_status) {
        guard let slot, let request else { return }
        self.request = nil
        guard lamina_request_claim(request) != 0 else { return }
        _ = lamina_complete(slot, request, status, 0)
    }
}
