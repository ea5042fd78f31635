import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// How an IRP becomes a request of a chain, and ends: the IRP is the provider's from `begin` on until its completion
/// routines run.
enum Submission {
    /// Makes the IRP the provider's. Nil: it can't be used, and nothing completes.
    static func begin(_ irp: PIRP?, _ kind: Kind, _ socket: KernelSocket? = nil) -> KernelOperation? {
        guard let irp, Irps.check(irp, kind.function), let operation = wsk_operation_of(irp) else { return nil }
        guard wsk_change_owner(irp, UInt32(WSK_OWNER_CLIENT), UInt32(WSK_OWNER_PROVIDER)) != 0 else {
            wsk_trap(kind.function, "another request of the IRP is still under way", nil)
            return nil
        }
        guard irp.pointee.CurrentLocation > 1 else {
            _ = wsk_change_owner(irp, UInt32(WSK_OWNER_PROVIDER), UInt32(WSK_OWNER_CLIENT))
            wsk_trap(kind.function, "the IRP has no stack location left: it was not prepared by IoReuseIrp", nil)
            return nil
        }
        IoSetNextIrpStackLocation(irp)
        wsk_hand_over(irp)
        operation.pointee.kind = kind.rawValue
        operation.pointee.flags = 0
        operation.pointee.socket = socket
        operation.pointee.made = nil
        operation.pointee.next = nil
        operation.pointee.allocation = nil
        operation.pointee.inline_result = nil
        operation.pointee.output = (nil, nil, nil, nil)
        operation.pointee.argument = (0, 0)
        return operation
    }

    /// Prepares the operation's request for a step.
    static func prepare(_ irp: PIRP) -> UnsafeMutablePointer<lamina_request> {
        let request = request(of: irp)
        lamina_request_prepare(request, completed, UnsafeMutableRawPointer(irp))
        if irp.pointee.Cancel != 0 { _ = Requests.cancel(request) }
        return request
    }

    static func request(of irp: PIRP) -> UnsafeMutablePointer<lamina_request> {
        wsk_operation_of(irp).place(\.request)
    }

    /// Makes the call for an IRP that `begin` took, and each step that follows it at once. Answers what the client's
    /// call returns.
    static func run(
        _ irp: PIRP,
        _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) -> NTSTATUS {
        var left = wsk_inline_result()
        return withUnsafeMutablePointer(to: &left) { left in
            wsk_operation_of(irp).pointee.inline_result = left
            _ = call(prepare(irp))
            while left.pointee.flags & UInt32(WSK_INLINE_STEP) != 0 {
                left.pointee.flags = 0
                let next = wsk_operation_of(irp).pointee.next
                wsk_operation_of(irp).pointee.next = nil
                _ = next?(irp)
            }
            return left.pointee.flags & UInt32(WSK_INLINE_ENDED) != 0 ? left.pointee.status : STATUS_PENDING
        }
    }

    /// Makes a call that takes the pieces of a buffer, or refuses a buffer that isn't valid.
    @inline(__always)
    static func run(
        _ irp: PIRP,
        over buffer: WSK_BUF,
        _ call: (UnsafePointer<lamina_buffer>, UInt32, UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) -> NTSTATUS {
        let answer = Buffers.with(buffer) { pieces, count in run(irp) { call(pieces, count, $0) } }
        return answer ?? Submission.answer(irp, STATUS_INVALID_PARAMETER)
    }

    /// The lowest frame of every request: the operation, or one step of it, has ended.
    private static let completed: lamina_completion = { _, request, context in
        guard let irp = context?.assumingMemoryBound(to: IRP.self), let operation = wsk_operation_of(irp) else {
            return 0
        }
        wsk_take_over(irp)
        if request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0 {
            operation.pointee.flags |= UInt32(WSK_OPERATION_PENDED)
        }
        let isInline = operation.pointee.flags & UInt32(WSK_OPERATION_PENDED) == 0
        if let next = operation.pointee.next, request.pointee.status >= 0 {
            if isInline {
                operation.pointee.inline_result.pointee.flags |= UInt32(WSK_INLINE_STEP)
            } else {
                operation.pointee.next = nil
                _ = next(irp)
            }
            return 0
        }
        let kind = Kind(rawValue: operation.pointee.kind) ?? .control
        var information = UInt(request.pointee.bytes)
        let status = Results.write(irp, operation, kind, request, &information)
        finish(irp, status, information, isInline: isInline)
        return 0
    }

    /// Ends an IRP before any call was made: the status is also what the client's call returns.
    static func answer(_ irp: PIRP, _ status: NTSTATUS, _ information: UInt = 0) -> NTSTATUS {
        finish(irp, status, information, isInline: true)
        return status
    }

    /// Ends an IRP, here or, where that is forced or earlier ones of the socket wait there, on another thread.
    static func finish(_ irp: PIRP, _ status: NTSTATUS, _ information: UInt, isInline: Bool) {
        let operation = wsk_operation_of(irp).unsafelyUnwrapped
        free(operation.pointee.allocation)
        operation.pointee.allocation = nil
        irp.pointee.IoStatus.Status = status
        irp.pointee.IoStatus.Information = information
        let socket = operation.pointee.socket
        // An operation that was refused has no place to note that it pends after all.
        let canWait = !isInline || operation.pointee.inline_result != nil
        let isForced = canWait && (isInline ? Force.pends() : Force.isLate())
        guard isForced || (canWait && socket.map { clinux_load_u32(&$0.pointee.deferred) > 0 } ?? false) else {
            if isInline, let left = operation.pointee.inline_result {
                left.pointee = wsk_inline_result(flags: UInt32(WSK_INLINE_ENDED), status: status)
            }
            return deliver(irp, isPending: !isInline)
        }
        if isInline { operation.pointee.inline_result.pointee.flags |= UInt32(WSK_INLINE_DEFERRED) }
        if let socket { _ = clinux_add_u32(&socket.pointee.deferred, 1) }
        Deferred.queue(irp)
    }

    static func client(of operation: KernelOperation) -> Client? {
        if let socket = operation.pointee.socket { return Client.of(socket.pointee.client) }
        let kind = Kind(rawValue: operation.pointee.kind)
        if kind == .controlClient { return Client.of(operation.pointee.output.0) }
        return kind?.isClients == true ? Client.of(operation.pointee.output.3) : nil
    }

    /// Runs the completion routines. Afterwards the IRP is no longer the provider's.
    static func deliver(_ irp: PIRP, isPending: Bool) {
        let operation = wsk_operation_of(irp).unsafelyUnwrapped
        let client = client(of: operation)
        client?.enter()
        defer { client?.leave() }
        if operation.pointee.kind == Kind.close.rawValue, let socket = operation.pointee.socket {
            Sockets.retire(socket)
        }
        if Kind(rawValue: operation.pointee.kind)?.isClients == true {
            Client.of(operation.pointee.output.3)?.removeRequest()
        }
        if isPending {
            irp.pointee.Tail.Overlay.CurrentStackLocation.pointee.Control |= UInt8(SL_PENDING_RETURNED)
        }
        wsk_take_over(irp)
        let accepted = operation.pointee.kind == Kind.accept.rawValue ? Events.start(ofAccepted: irp) : nil
        _ = wsk_change_owner(irp, UInt32(WSK_OWNER_PROVIDER), UInt32(WSK_OWNER_CLIENT))
        Irps.unwind(irp)
        accepted?()
    }
}

extension Kind {
    /// Whether the client counts it: its pointer stands in the operation's last output.
    var isClients: Bool { self == .addressInfo || self == .nameInfo || self == .openConnected || self == .open }
}

/// Completions that another thread runs, in the order in which they came.
private enum Deferred {
    private static let mutex = SystemMutex(WSK_MUTEX_DEFERRED)
    private static let work = SystemCondition(WSK_CONDITION_DEFERRED)
    // Guarded by the mutex.
    nonisolated(unsafe) private static var first: PIRP?
    nonisolated(unsafe) private static var last: PIRP?
    nonisolated(unsafe) private static var isStarted = false

    static func queue(_ irp: PIRP) {
        wsk_operation_of(irp).pointee.next_deferred = nil
        wsk_hand_over(irp)
        mutex.hold {
            if let last { wsk_operation_of(last).pointee.next_deferred = irp } else { first = irp }
            last = irp
            if !isStarted {
                isStarted = wsk_start_helper({ _ in Deferred.run() }, nil) == 0
                if !isStarted { Report.line("no thread can be started for forced completions") }
            }
            work.signal()
        }
    }

    private static func run() {
        while true {
            mutex.lock()
            while first == nil { work.wait(mutex) }
            let irp = first.unsafelyUnwrapped
            let operation = wsk_operation_of(irp).unsafelyUnwrapped
            first = operation.pointee.next_deferred
            if first == nil { last = nil }
            mutex.unlock()
            let socket = operation.pointee.socket
            let isClose = operation.pointee.kind == Kind.close.rawValue
            // A socket that has closed may be another one as soon as that was delivered.
            if isClose, let socket { _ = clinux_add_u32(&socket.pointee.deferred, -1) }
            Submission.deliver(irp, isPending: true)
            if !isClose, let socket { _ = clinux_add_u32(&socket.pointee.deferred, -1) }
        }
    }
}
