import CLamina
import CLinux
import Glibc

/// How requests pend, end and are cancelled: the upcalls behind `lamina_complete`.
enum Completion {
    /// How deep completions may nest on one thread before they are left to the engine.
    private static let depthLimit: UInt32 = 8

    /// `complete`: see `lamina_upcalls`.
    static let complete: @convention(c) (Slot, Request) -> lamina_status = { slot, request in
        if request.pointee.status < 0 { nameLevel(of: slot, in: request) }
        if request.pointee.frame_count > 0, request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) == 0,
            lamina_this_thread().pointee.completions >= depthLimit
                || clinux_load_u32(&slot.pointee.column.pointee.deferred) > 0,
            leaveToEngine(slot, request)
        {
            return LAMINA_PENDING
        }
        return runFrames(of: request)
    }

    /// Notes which level failed, unless one below has been noted.
    @inline(never)
    private static func nameLevel(of slot: Slot?, in request: Request) {
        if let slot, request.pointee.failed_level == nil { request.pointee.failed_level = ColumnState.label(of: slot) }
    }

    /// Hands the completion to the socket's engine, behind those that wait there already.
    @inline(never)
    private static func leaveToEngine(_ slot: Slot, _ request: Request) -> Bool {
        let column = slot.pointee.column
        markPending(slot, request)
        _ = clinux_add_u32(&column.pointee.deferred, 1)
        request.pointee.framework.2 = UnsafeMutableRawPointer(column)
        let status = ColumnState.loop(of: slot).post(unwindLater, UnsafeMutableRawPointer(request))
        guard status < 0 else { return true }
        _ = clinux_add_u32(&column.pointee.deferred, -1)
        return false
    }

    private static let unwindLater: EngineLoop.PostFunction = { context in
        guard let request = context?.assumingMemoryBound(to: lamina_request.self),
            let column = request.pointee.framework.2?.assumingMemoryBound(to: lamina_column.self)
        else { return }
        _ = unwind(request)
        _ = clinux_add_u32(&column.pointee.deferred, -1)
    }

    /// Runs the frames from the innermost up. After the last one the request is its caller's.
    static func unwind(_ request: Request) -> lamina_status {
        runFrames(of: request)
    }

    @inline(__always)
    private static func runFrames(of request: Request) -> lamina_status {
        let depth = lamina_this_thread().pointee.completions
        lamina_set_completions(depth &+ 1)
        defer { lamina_set_completions(depth) }
        var status = request.pointee.status
        var count = UInt32(request.pointee.frame_count)
        while count > UInt32(LAMINA_INLINE_FRAMES) {
            count &-= 1
            guard run(lamina_request_frame(request, count), count, of: request, &status) else { return LAMINA_PENDING }
        }
        let frames = lamina_request_frame(request, 0)
        while count > 1 {
            count &-= 1
            guard run(frames + Int(count), count, of: request, &status) else { return LAMINA_PENDING }
        }
        if count == 1 {
            // The application's frame is the lowest, and has no slot.
            guard frames.pointee.slot != nil else {
                let frame = frames.pointee
                request.pointee.frame_count = 0
                settle(request)
                _ = frame.function(nil, request, frame.context)
                return status
            }
            guard run(frames, 0, of: request, &status) else { return LAMINA_PENDING }
        }
        settle(request)
        return status
    }

    /// Runs one level's frame, the one at `index`; false where it keeps the request. `status` is the request's, before
    /// and after.
    @inline(__always)
    private static func run(
        _ frame: UnsafeMutablePointer<lamina_frame>,
        _ index: UInt32,
        of request: Request,
        _ status: inout lamina_status
    ) -> Bool {
        request.pointee.frame_count = UInt16(truncatingIfNeeded: index)
        let slot = frame.pointee.slot
        let answer = frame.pointee.function(slot, request, frame.pointee.context)
        if answer == LAMINA_MORE_PROCESSING { return false }
        let before = status
        status = request.pointee.status
        if status < 0 { nameLevel(of: before < 0 ? nil : slot, in: request) }
        return true
    }

    /// Ends a request that no level of a column has, with all the frames that it has by now.
    static func end(_ request: Request, _ status: lamina_status) -> lamina_status {
        request.pointee.status = status
        request.pointee.bytes = 0
        return unwind(request)
    }

    /// Ends what the framework keeps about a request.
    @inline(__always)
    private static func settle(_ request: Request) {
        if clinux_load_u32(&request.pointee.state) != 0 || request.pointee.spill != nil { forget(request) }
    }

    @inline(never)
    private static func forget(_ request: Request) {
        let state = clinux_load_u32(&request.pointee.state)
        if state & UInt32(LAMINA_STATE_TIMED) != 0, let loop = request.pointee.framework.1 {
            Unmanaged<EngineLoop>.fromOpaque(loop).takeUnretainedValue().forgetDeadline(of: request)
        }
        if let spill = request.pointee.spill {
            spill.deallocate()
            request.pointee.spill = nil
            request.pointee.frame_capacity = UInt16(LAMINA_INLINE_FRAMES)
        }
        if state & UInt32(LAMINA_STATE_COUNTED) != 0,
            let column = request.pointee.framework.0?.assumingMemoryBound(to: lamina_column.self)
        {
            _ = clinux_add_u32(&column.pointee.pending, -1)
        }
    }

    /// `mark_pending`.
    static let markPending: @convention(c) (Slot, Request) -> Void = { slot, request in
        request.pointee.flags |= UInt32(LAMINA_REQUEST_PENDED)
        count(slot, request)
    }

    private static func count(_ slot: Slot, _ request: Request) {
        guard clinux_load_u32(&request.pointee.state) & UInt32(LAMINA_STATE_COUNTED) == 0 else { return }
        let column = slot.pointee.column
        request.pointee.framework.0 = UnsafeMutableRawPointer(column)
        _ = clinux_add_u32(&column.pointee.pending, 1)
        _ = clinux_set_bits_u32(&request.pointee.state, UInt32(LAMINA_STATE_COUNTED))
    }

    /// `hold`.
    static let holdUpcall: @convention(c) (Slot, Request, lamina_cancel_function) -> lamina_status = {
        hold($0, $1, $2)
    }

    static func hold(_ slot: Slot, _ request: Request, _ cancel: @escaping lamina_cancel_function) -> lamina_status {
        guard request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) == 0 else { return -EAGAIN }
        let column = slot.pointee.column
        // A thread that waits watches its own deadline.
        let isWaited = request.pointee.flags & UInt32(LAMINA_REQUEST_WAITED) != 0
        let wasPended = request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0
        count(slot, request)
        clinux_store_pointer(&column.pointee.framework.1, ColumnState.label(of: slot))
        request.pointee.cancel = cancel
        request.pointee.holder = slot
        request.pointee.flags |= UInt32(LAMINA_REQUEST_PENDED)
        if slot.pointee.level != column.pointee.levels {
            request.pointee.flags &= ~UInt32(LAMINA_REQUEST_WAITED)
        }
        let isTimed = clinux_load_u32(&request.pointee.state) & UInt32(LAMINA_STATE_TIMED) != 0
        if request.pointee.deadline != 0, !isWaited, !isTimed {
            let loop = ColumnState.loop(of: slot)
            request.pointee.framework.1 = Unmanaged.passUnretained(loop).toOpaque()
            _ = clinux_set_bits_u32(&request.pointee.state, UInt32(LAMINA_STATE_TIMED))
            loop.watchDeadline(of: request)
        }
        while true {
            let state = clinux_load_u32(&request.pointee.state)
            guard state & UInt32(LAMINA_STATE_CANCELLED | LAMINA_STATE_EXPIRED) == 0 else {
                if !wasPended { request.pointee.flags &= ~UInt32(LAMINA_REQUEST_PENDED) }
                return lamina_cancel_status(request)
            }
            if clinux_replace_u32(&request.pointee.state, state, state | UInt32(LAMINA_STATE_HELD)) != 0 { return 0 }
        }
    }

    /// `cancel`.
    static let cancelUpcall: @convention(c) (Request) -> Int32 = { cancel($0) }

    static func cancel(_ request: Request) -> Int32 {
        guard take(request, because: UInt32(LAMINA_STATE_CANCELLED)) else { return 0 }
        return giveToHolder(request)
    }

    /// Notes why a request ends early; true where that takes it from its holder.
    static func take(_ request: Request, because reason: UInt32) -> Bool {
        while true {
            let state = clinux_load_u32(&request.pointee.state)
            let next = (state | reason) & ~UInt32(LAMINA_STATE_HELD)
            if clinux_replace_u32(&request.pointee.state, state, next) != 0 {
                return state & UInt32(LAMINA_STATE_HELD) != 0
            }
        }
    }

    /// Lets the holder of a taken request complete it.
    static func giveToHolder(_ request: Request) -> Int32 {
        guard let cancel = request.pointee.cancel, let holder = request.pointee.holder else { return 0 }
        cancel(holder, request)
        return 1
    }

    /// `grow`.
    static let grow: @convention(c) (Request) -> lamina_status = { request in
        let capacity = Int(request.pointee.frame_capacity)
        let spilled = capacity - Int(LAMINA_INLINE_FRAMES)
        let next = max(8, spilled * 2)
        guard next <= 512 else { return -ENOMEM }
        let block = UnsafeMutablePointer<lamina_frame>.allocate(capacity: next)
        if let old = request.pointee.spill {
            block.update(from: old, count: spilled)
            old.deallocate()
        }
        request.pointee.spill = block
        request.pointee.frame_capacity = UInt16(Int(LAMINA_INLINE_FRAMES) + next)
        return 0
    }
}
