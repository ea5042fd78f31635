import CLamina
import Glibc
import Lamina

/// The layer that stands over the base in a run's chain. It takes the connect of a socket whose data isn't the
/// chain's: the program's own socket is connected instead, and the connect ends with what came of that.
enum RunLayer {
    /// Its label, which no user's is.
    static let label = "lamina.run"

    /// What an open carries in its first reserved word for a socket whose connect is left to the program. The object
    /// must live as long as the socket.
    static func mark(_ connect: DirectConnect) -> UInt64 {
        UInt64(UInt(bitPattern: Unmanaged.passUnretained(connect).toOpaque()))
    }

    /// The layer, linked into this program.
    static func provider() throws(LaminaError) -> Provider {
        try Library(builtIn: startup, name: label).provider()
    }

    private static let startup: Library.Startup = { _, result in
        lamina_offer(result, offered, 1)
    }

    // Written once, before their first use, and constant afterwards.
    nonisolated(unsafe) private static let offered: UnsafePointer<UnsafePointer<lamina_provider>?> = {
        func text(_ string: String) -> UnsafePointer<CChar> {
            let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.utf8CString.count)
            _ = copy.initialize(from: string.utf8CString)
            return UnsafePointer(copy.baseAddress.unsafelyUnwrapped)
        }
        let provider = UnsafeMutablePointer<lamina_provider>.allocate(capacity: 1)
        memset(provider, 0, MemoryLayout<lamina_provider>.size)
        provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
        provider.pointee.kind = UInt32(LAMINA_LAYERED_PROVIDER)
        provider.pointee.name = text(label)
        provider.pointee.version = text("1")
        provider.pointee.summary = text("connects the sockets of programs under lamina run")
        provider.pointee.uuid = text("5b1f2c1e-6b0a-4f5e-9a53-6d1f0c9c7a11")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_NONE)
        provider.pointee.phase = UInt32(LAMINA_PHASE_SYSTEM)
        provider.pointee.categories = UInt32(LAMINA_CONNECTION)
        provider.pointee.instantiate = { _, instance in
            instance.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
            instance.pointee.table = UnsafePointer(RunLayer.table)
            return 0
        }
        let list = UnsafeMutablePointer<UnsafePointer<lamina_provider>?>.allocate(capacity: 1)
        list.initialize(to: UnsafePointer(provider))
        return UnsafePointer(list)
    }()

    nonisolated(unsafe) private static let table: UnsafeMutablePointer<lamina_table> = {
        let table = UnsafeMutablePointer<lamina_table>.allocate(capacity: 1)
        memset(table, 0, MemoryLayout<lamina_table>.size)
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.open = { slot, arguments, request in
            slot.pointee.context = UnsafeMutableRawPointer(bitPattern: UInt(arguments.pointee.reserved.0))
            return lamina_open(slot, arguments, request)
        }
        table.pointee.connect = { slot, address, flags, request in
            guard let context = slot.pointee.context,
                Unmanaged<DirectConnect>.fromOpaque(context).takeUnretainedValue().take(slot, address, request)
            else { return lamina_connect(slot, address, flags, request) }
            return LAMINA_PENDING
        }
        return table
    }()
}

/// A connect that is made by the program itself, to the address that came down the chain.
final class DirectConnect: @unchecked Sendable {
    // Lives until the socket of its column is closed. The worker's loop uses it; a connect may come on any thread, but
    // one at a time, and before its verdict.
    private let family: Int32
    private let verdict: (Endpoint) -> Void
    private var slot: UnsafeMutablePointer<lamina_slot>?
    private var request: UnsafeMutablePointer<lamina_request>?

    /// For a program's socket of this family. `verdict` runs with the address of each connect that comes, on whatever
    /// thread: once, and again where a layer tries another after one that failed.
    init(family: Int32, verdict: @escaping (Endpoint) -> Void) {
        self.family = family
        self.verdict = verdict
    }

    /// Keeps the connect, unless the program's socket can't be connected to such an address: then it goes down, and
    /// the program is pumped.
    fileprivate func take(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafePointer<lamina_address>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> Bool {
        guard let endpoint = Endpoint(address.pointee) else { return false }
        let own = family == AF_INET6 ? endpoint.mapped : endpoint.unmapped
        guard own.family == family else { return false }
        self.slot = slot
        self.request = request
        let held = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { slot, request in
            _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
        }
        if held < 0 {
            self.request = nil
            _ = lamina_complete(slot, request, held, 0)
            return true
        }
        verdict(own)
        return true
    }

    /// Whether a connect that ended so has failed. One that is under way hasn't; of one that nobody knows about (nil)
    /// nothing can be said.
    static func isFailure(_ error: Int32?) -> Bool {
        guard let error else { return false }
        return ![0, EINPROGRESS, EINTR].contains(error)
    }

    /// Ends the connect with what came of the program's own: 0, an errno, or nil where nobody knows. After a failure the
    /// layers may try another address before this returns.
    func end(_ error: Int32?) {
        guard let slot, let request else { return }
        self.request = nil
        guard lamina_request_claim(request) != 0 else { return }
        let status = error.map { Self.isFailure($0) ? -$0 : 0 } ?? -ECANCELED
        _ = lamina_complete(slot, request, status, 0)
    }
}
