import CLamina
import CLinux
import Glibc

/// A call of the level above that waits for something of its layer's own (`Next.later`). It ends once, by the first that ends it:
/// the layer, a cancel, its deadline, or the socket's close. One that nobody keeps any more and nobody has ended fails with EIO.
///
/// Any thread; nothing blocks.
public final class PendingCall: Sendable {
    let held: HeldAbove

    init(_ held: HeldAbove) { self.held = held }

    deinit { held.end(-EIO) }

    /// The columns below its socket.
    public var columns: LowerColumns { held.columns }

    /// Whether it has ended.
    public var isOver: Bool { held.isOver }

    /// Ends it with success and this byte count.
    public func end(bytes: UInt64 = 0) { held.end(0, bytes) }

    /// Ends it with a positive `errno`.
    public func fail(_ errno: Int32) { held.end(-Int32(clamping: errno.magnitude)) }

    /// Ends it with a failure, whose message, where it has one, goes to the log.
    public func fail(_ failure: Failure) { held.end(-failure.errno, 0, failure.message) }
}

/// The request of such a call, and what was begun for it.
final class HeldAbove: @unchecked Sendable {
    // Guarded by the lock of `columns`, except for what is constant.
    let columns: LowerColumns
    let isTry: Bool
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let request: UnsafeMutablePointer<lamina_request>
    private let wasPended: Bool
    private var begun: [ColumnCall] = []
    private var result: (status: lamina_status, bytes: UInt64, message: String)?
    /// How the last operation that failed did, and at which level.
    private var failure: (status: lamina_status, level: UnsafePointer<CChar>?) = (0, nil)
    /// The entry hasn't returned: it ends the call.
    private var isInside = true
    /// A cancel has taken the request.
    private var isTaken = false
    private var isDone = false

    init(
        _ columns: LowerColumns,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) {
        self.columns = columns
        self.slot = slot
        self.request = request
        isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        wasPended = request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0
    }

    var isOver: Bool { columns.locked { result != nil } }

    // MARK: - Under the lock

    /// Becomes the holder; `columns` keeps this until it is done. A negative errno: it is too late.
    func hold() -> lamina_status {
        if isTry { return 0 }
        request.pointee.owner.0 = Unmanaged.passUnretained(self).toOpaque()
        return slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
            guard let owner = request.pointee.owner.0 else { return }
            let status = lamina_cancel_status(request)
            Unmanaged<HeldAbove>.fromOpaque(owner).takeUnretainedValue().end(status, isCancel: true)
        }
    }

    /// Adds an operation that was begun for the call. False: the call is over.
    func add(_ call: ColumnCall) -> Bool {
        guard result == nil else { return false }
        begun.append(call)
        return true
    }

    /// Whether the caller is to complete the request now.
    private func take() -> Bool {
        guard result != nil, !isInside, !isDone else { return false }
        // What can't be claimed is the cancel's, which is on its way here.
        if !isTaken, !isTry, lamina_request_claim(request) == 0 { return false }
        isDone = true
        columns.forget(self)
        return true
    }

    // MARK: - Its end

    /// An operation has ended.
    func remove(_ call: ColumnCall, _ status: lamina_status, _ failedLevel: UnsafePointer<CChar>?) {
        columns.locked {
            begun.removeAll { $0 === call }
            if status < 0 { failure = (status, failedLevel) }
        }
    }

    /// Ends the call, unless it has ended, and cancels what was begun for it.
    func end(_ status: lamina_status, _ bytes: UInt64 = 0, _ message: String = "", isCancel: Bool = false) {
        let (isMine, rest) = columns.locked {
            if isCancel { isTaken = true }
            if result == nil { result = (status, bytes, message) }
            defer { begun = [] }
            return (take(), begun)
        }
        for call in rest { columns.cancel(call) }
        if isMine { _ = complete() }
    }

    /// What the entry returns: the end of the call, if it has come.
    func answer() -> lamina_status {
        let (isMine, isCancelled) = columns.locked {
            isInside = false
            if isTry, result == nil { result = (-EAGAIN, 0, "") }
            return (take(), isTaken)
        }
        guard isMine else { return LAMINA_PENDING }
        guard !isCancelled else {
            _ = complete()
            return LAMINA_PENDING
        }
        if !isTry, !wasPended { request.pointee.flags &= ~UInt32(LAMINA_REQUEST_PENDED) }
        return complete()
    }

    private func complete() -> lamina_status {
        let (result, failure) = columns.locked { (self.result, self.failure) }
        guard let result else { return LAMINA_PENDING }
        if !result.message.isEmpty { Socket(slot).log(.notice, result.message) }
        if result.status < 0, result.status == failure.status, request.pointee.failed_level == nil {
            request.pointee.failed_level = failure.level
        }
        return lamina_complete(slot, request, result.status, result.bytes)
    }
}
