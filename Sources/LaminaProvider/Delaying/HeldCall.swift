public import CLamina
import CLinux
import Glibc

/// What a call asks for.
@usableFromInline
struct CallView {
    @usableFromInline let kind: DelayedKind
    @usableFromInline var bytes: Int
    /// Whether what a part leaves has turns of its own.
    let isSplit: Bool
    var isLook = false
    @usableFromInline var moved: UInt64 = 0
    /// Whether the layer hasn't been asked about it yet.
    @usableFromInline var isNew = true
    /// Where it goes, as long as the caller keeps that.
    @usableFromInline var address: UnsafePointer<lamina_address>?
    /// When it came, and when its turn did; 0: nobody has wanted to know.
    private var came: Int64 = 0
    private var turned: Int64 = 0

    init(
        _ kind: DelayedKind,
        _ bytes: Int,
        isSplit: Bool = false,
        isLook: Bool = false,
        _ address: UnsafePointer<lamina_address>? = nil
    ) {
        self.kind = kind
        self.bytes = bytes
        self.isSplit = isSplit
        self.isLook = isLook
        self.address = address
    }

    /// When it came. Reads the clock once, where it is wanted.
    @usableFromInline
    var since: Int64 {
        mutating get {
            if came == 0 { came = clinux_monotonic() }
            return came
        }
    }

    /// When its turn came: one that is new has its turn at once.
    @usableFromInline
    var now: Int64 {
        mutating get { turned > 0 ? turned : since }
    }

    /// Its turn has come again.
    mutating func turn(at now: Int64) { turned = now }
}

/// How a call that was passed on has ended, or a part of it.
struct PassedView {
    let kind: DelayedKind
    let status: lamina_status
    let bytes: UInt64
    let isEnd: Bool
    let hasWaited: Bool

    init(
        _ kind: DelayedKind,
        _ end: (status: lamina_status, bytes: UInt64),
        _ asked: (isLook: Bool, hasRoom: Bool),
        hasWaited: Bool
    ) {
        self.kind = kind
        status = end.status
        bytes = asked.isLook ? 0 : end.bytes
        isEnd = kind == .receive && end == (0, 0) && asked == (false, true)
        self.hasWaited = hasWaited
    }
}

/// A call that waits in a lane, or is passed on in parts, with its own copies of what the caller need not keep.
final class HeldCall {
    // One party at a time has it: its lane, under the lock, or whoever took it out.
    let operation: UnsafeMutablePointer<Operation>
    let lanes: CallLanes
    /// What it asked for when it came.
    private(set) var asked: CallView
    /// When its turn comes, at the earliest.
    var due: Int64 = 0
    /// The layer has been asked about it, and may have said already how much of it goes on.
    var isKnown = false
    var granted: Int?
    /// The last of it is passed on.
    private(set) var isLast = false
    /// How the part that was passed on has ended.
    var ended: (status: lamina_status, bytes: UInt64) = (0, 0)

    /// Nil: there is no memory.
    init?(_ operation: UnsafeMutablePointer<Operation>?, _ lanes: CallLanes, _ asked: inout CallView) {
        guard let operation else { return nil }
        // It came at the latest now.
        _ = asked.since
        self.operation = operation
        self.lanes = lanes
        self.asked = asked
        // The caller's may be gone.
        if asked.address != nil {
            self.asked.address = UnsafePointer(operation.pointee.remote ?? operation.pointee.messages?.pointee.address)
        }
    }

    deinit { operation.discard() }

    var kind: DelayedKind { asked.kind }
    var slot: UnsafeMutablePointer<lamina_slot> { operation.pointee.slot }
    var request: UnsafeMutablePointer<lamina_request> { operation.pointee.request }

    /// Stands for the lane of a provider's operation, and is never looked at.
    nonisolated(unsafe) static let noLane = UnsafeMutablePointer<Lane>.allocate(capacity: 1)

    /// What it asks for now.
    func view(_ now: Int64) -> CallView {
        var view = asked
        if asked.isSplit { view.bytes = operation.pointee.remaining.bytes }
        view.moved = operation.pointee.moved
        view.turn(at: now)
        view.isNew = !isKnown
        isKnown = true
        return view
    }

    /// Before at most so many bytes of it are passed on.
    func prepare(_ limit: Int) {
        isLast = limit >= operation.pointee.remaining.bytes || !asked.isSplit
        operation.pointee.arrivals = Arrivals()
    }

    /// Passes them on. Answers what the entry below returned.
    func issue(_ limit: Int) -> lamina_status {
        let operation = operation
        let (slot, request, flags) = (operation.pointee.slot, operation.pointee.request, operation.pointee.flags)
        let left = operation.pointee.remaining
        switch kind {
        case .connect:
            guard let address = operation.pointee.remote else { return lamina_complete(slot, request, -EINVAL, 0) }
            return lamina_connect(slot, address, flags, request)
        case .disconnect where isLast:
            return lamina_disconnect(slot, left.buffers, UInt32(left.count), flags, request)
        case .send, .disconnect:
            return PartOfBuffers.with(left.buffers, left.count, limit) {
                DirectLinks.send(slot, $0, $1, kind == .send ? flags : 0, request)
            }
        case .receive:
            return PartOfBuffers.with(left.buffers, left.count, limit) {
                DirectLinks.receive(slot, $0, $1, flags, request)
            }
        case .sendTo, .receiveFrom:
            guard let message = operation.pointee.messages else { return lamina_complete(slot, request, -EINVAL, 0) }
            return kind == .sendTo
                ? DirectLinks.sendTo(slot, message, flags, request)
                : lanes.receiveFrom(slot, message, flags, request)
        }
    }

    /// Takes the end of a part. True: there is more to pass on.
    func advance() -> Bool {
        operation.pointee.status = ended.status
        operation.pointee.moved += ended.bytes
        operation.pointee.remaining.advance(by: Int(clamping: ended.bytes))
        if let own = operation.pointee.messages, let theirs = operation.pointee.results {
            theirs.pointee.flags = own.pointee.flags
            theirs.pointee.bytes = own.pointee.bytes
            theirs.pointee.control_length = own.pointee.control_length
        }
        guard !isLast, ended.status >= 0 else { return false }
        return kind == .disconnect || ended.bytes > 0 && operation.pointee.remaining.bytes > 0
    }
}

/// The first bytes of a list of buffers.
enum PartOfBuffers {
    /// Runs `body` with descriptors of at most `limit` bytes, which stand until it returns.
    static func with<Result>(
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: Int,
        _ limit: Int,
        _ body: (UnsafePointer<lamina_buffer>, UInt32) -> Result
    ) -> Result {
        guard let buffers, limit < byteCount(buffers, UInt32(count)) else {
            return body(buffers ?? nothing, buffers == nil ? 0 : UInt32(count))
        }
        return withUnsafeTemporaryAllocation(of: lamina_buffer.self, capacity: count) { part in
            var (used, rest) = (0, limit)
            while used < count, rest > 0 || used == 0 {
                let length = min(buffers[used].length, rest)
                part.initializeElement(at: used, to: lamina_buffer(base: buffers[used].base, length: length))
                rest -= length
                used += 1
            }
            return body(UnsafePointer(part.baseAddress ?? UnsafeMutablePointer(mutating: buffers)), UInt32(used))
        }
    }

    nonisolated(unsafe) private static let nothing = Immortal.copy(lamina_buffer())
}
