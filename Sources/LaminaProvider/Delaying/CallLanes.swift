import CLamina
import CLinux
import Glibc

/// Where the calls of one socket take their turns (`DelaysCalls`): what sends, connects and disconnects one behind the
/// other, and what receives. Made with the socket's state, which keeps it.
public final class CallLanes: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<clinux_fork_lock>.allocate(capacity: 1)
    /// The two lanes, which say themselves what the lock guards of them. The rest is guarded by it.
    private let lanes = UnsafeMutablePointer<CallLane>.allocate(capacity: 2)
    private var slot: UnsafeMutablePointer<lamina_slot>?
    /// Threads that decide, pass on or complete: a close goes on after the last of them.
    private var active = 0
    private(set) var isClosing = false
    private var closing: UnsafeMutablePointer<lamina_request>?

    /// What has come and is to go up, where the layer sorts datagrams.
    private(set) var inbox: DatagramInbox?

    /// Lanes in which nothing waits; where the layer is one that sorts datagrams (`SortsDatagrams`), whether it does so in
    /// this socket. Allocates.
    public init(sortsDatagrams: Bool = false) {
        for direction in 0..<2 { (lanes + direction).initialize(to: CallLane()) }
        if sortsDatagrams { inbox = DatagramInbox(self) }
        clinux_fork_lock_begin(
            lock,
            { context in
                guard let context else { return }
                Unmanaged<CallLanes>.fromOpaque(context).takeUnretainedValue().forget()
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    deinit {
        clinux_fork_lock_end(lock)
        lock.deallocate()
        lanes.deinitialize(count: 2)
        lanes.deallocate()
    }

    /// How many datagrams have come that no call has had yet.
    public var keptDatagrams: Int { locked { inbox?.count ?? 0 } }

    /// Asks again about the calls whose turn it is and that wait: on the engine, soon. Any thread; never blocks.
    public func wake() {
        locked {
            guard !isClosing else { return }
            for direction in 0..<2 where !lanes[direction].waiting.isEmpty {
                lanes[direction].waiting[0].due = 0
                arm(direction)
            }
        }
    }

    func locked<Result>(_ body: () -> Result) -> Result {
        clinux_fork_lock_take(lock)
        defer { clinux_fork_lock_give(lock) }
        return body()
    }

    /// In a child process: what waits is the parent's, with all that it would give back.
    private func forget() {
        for direction in 0..<2 {
            for call in lanes[direction].waiting { _ = Unmanaged.passRetained(call) }
            lanes[direction] = CallLane()
        }
        inbox?.forget()
        active = 0
    }

    // MARK: - Calls that come

    /// Lets a call take its turn. `keep` makes an operation of it, and `pass` passes at most so many bytes of it on. Answers
    /// what the entry returns.
    func enter(
        _ call: inout CallView,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        keep: () -> UnsafeMutablePointer<Operation>?,
        pass: (Int) -> lamina_status
    ) -> lamina_status {
        let direction = call.kind.direction
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        guard lanes[direction].enter(request) else { return enterLocked(&call, isTry, slot, request, keep, pass) }
        let answer = begin(&call, isTry: isTry, slot, request, keep, pass)
        if !lanes[direction].leave() { leave(direction, isPassing: true, slot) }
        return answer
    }

    /// The same in a lane in which somebody or something is.
    @inline(never)
    private func enterLocked(
        _ call: inout CallView,
        _ isTry: Bool,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ keep: () -> UnsafeMutablePointer<Operation>?,
        _ pass: (Int) -> lamina_status
    ) -> lamina_status {
        let direction = call.kind.direction
        let status = locked { () -> lamina_status? in
            if isClosing { return -ECANCELED }
            if lanes[direction].takeLocked(request) {
                enterWork(slot)
                return nil
            }
            return isTry ? -EAGAIN : hold(HeldCall(keep(), self, &call), due: 0, atFront: false)
        }
        if let status { return status < 0 ? lamina_complete(slot, request, status, 0) : LAMINA_PENDING }
        let answer = begin(&call, isTry: isTry, slot, request, keep, pass)
        leave(direction, isPassing: false, slot)
        return answer
    }

    /// Does with a call that comes into a free lane what the layer says.
    private func begin(
        _ call: inout CallView,
        isTry: Bool,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ keep: () -> UnsafeMutablePointer<Operation>?,
        _ pass: (Int) -> lamina_status
    ) -> lamina_status {
        var due: Int64 = 0
        var granted: Int?
        switch ask(slot, &call) {
        case .pass: return passOn(.max, call, slot, request, pass)
        case .passUpTo(let count) where count >= call.bytes || !call.isSplit || isTry:
            return passOn(max(count, 1), call, slot, request, pass)
        case .passUpTo(let count): granted = count
        case .wait(let time): due = time
        case .waitForever: due = .max
        case .end(let bytes): return lamina_complete(slot, request, 0, bytes)
        case .sendCopies(let count, let time):
            guard call.kind == .sendTo else { return passOn(.max, call, slot, request, pass) }
            guard let held = HeldCall(keep(), self, &call) else { return lamina_complete(slot, request, -ENOMEM, 0) }
            keepCopies(of: held, count, until: time)
            return lamina_complete(slot, request, 0, UInt64(call.bytes))
        case .fail(let errno): return lamina_complete(slot, request, -Int32(clamping: errno.magnitude), 0)
        }
        guard !isTry else { return lamina_complete(slot, request, -EAGAIN, 0) }
        let held = HeldCall(keep(), self, &call)
        held?.isKnown = true
        held?.granted = granted
        let status = locked { hold(held, due: due, atFront: true) }
        return status < 0 ? lamina_complete(slot, request, status, 0) : LAMINA_PENDING
    }

    /// Makes the lanes the holder of a call, under the lock. A negative errno: it isn't, and ends with that.
    private func hold(_ call: HeldCall?, due: Int64, atFront: Bool) -> lamina_status {
        guard let call else { return -ENOMEM }
        guard !isClosing else { return -ECANCELED }
        let (slot, request) = (call.slot, call.request)
        keepPlace(slot, call.kind.direction)
        request.pointee.owner.0 = Unmanaged.passUnretained(call).toOpaque()
        let status = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
            guard let owner = request.pointee.owner.0 else { return }
            let call = Unmanaged<HeldCall>.fromOpaque(owner).takeUnretainedValue()
            call.lanes.cancel(call)
        }
        guard status == 0 else { return status }
        call.due = due
        let place = atFront ? 0 : lanes[call.kind.direction].waiting.count
        lanes[call.kind.direction].waiting.insert(call, at: place)
        return 0
    }

    private func cancel(_ call: HeldCall) {
        locked {
            lanes[call.kind.direction].waiting.removeAll { $0 === call }
            enterWork(call.slot)
        }
        let (slot, request) = (call.slot, call.request)
        _ = lamina_complete(slot, request, lamina_cancel_status(request), call.operation.pointee.moved)
        look(call.kind.direction)
    }

    // MARK: - Turns

    private func ask(_ slot: UnsafeMutablePointer<lamina_slot>, _ call: inout CallView) -> Turn {
        guard let part = Part(slot), let type = part.own.delaysCalls else { return .pass }
        return withUnsafeMutablePointer(to: &call) { type.ask(part, slot, $0) }
    }

    /// The thread that has the lane gives it back, and sees to those that wait.
    @inline(never)
    private func leave(_ direction: Int, isPassing: Bool, _ slot: UnsafeMutablePointer<lamina_slot>) {
        locked {
            if isPassing { enterWork(slot) }
            lanes[direction].giveLocked(isPassing: isPassing)
        }
        look(direction)
    }

    /// Counts the caller as active until it has looked at a lane. Under the lock.
    func enterWork(_ slot: UnsafeMutablePointer<lamina_slot>) {
        if self.slot == nil { self.slot = slot }
        active += 1
    }

    /// Before something is kept in a lane, which nobody enters without the lock then. Under the lock.
    private func keepPlace(_ slot: UnsafeMutablePointer<lamina_slot>, _ direction: Int) {
        if self.slot == nil { self.slot = slot }
        lanes[direction].noteMore()
    }

    /// Whether a thread is inside that isn't counted as active. Under the lock.
    private var isPassing: Bool { lanes[0].isPassing || lanes[1].isPassing }

    /// Sees to what is due in a lane. The caller is counted as active until this returns.
    func look(_ direction: Int) {
        work(direction)
        let request = locked { () -> UnsafeMutablePointer<lamina_request>? in
            if !isClosing {
                arm(direction)
                lanes[direction].settle()
            }
            active = max(active - 1, 0)
            guard active == 0, !isPassing else { return nil }
            defer { closing = nil }
            return closing
        }
        if let request, let slot { _ = LifetimeThunks.passClose(slot, request) }
    }

    private func work(_ direction: Int) {
        deliver(direction)
        if direction == 0 { sendCopies() }
        if direction == 1 { inbox?.serve() }
        while let call = locked({ next(direction) }) { proceed(call) }
    }

    /// Takes a lane and the call whose turn has come; nil where there is none. Under the lock.
    private func next(_ direction: Int) -> HeldCall? {
        guard !lanes[direction].isBusy, let call = lanes[direction].waiting.first else { return nil }
        guard isClosing || call.due <= 0 || call.due <= clinux_monotonic() else { return nil }
        // What a cancel has, that ends, and looks here again.
        guard lamina_request_claim(call.request) != 0 else { return nil }
        lanes[direction].waiting.removeFirst()
        lanes[direction].isBusy = true
        return call
    }

    /// Goes on with a call that this thread has taken, with its lane, until the lane is free or the call keeps it.
    private func proceed(_ call: HeldCall) {
        let direction = call.kind.direction
        while true {
            let turn: Turn =
                if isEnding {
                    .fail(ECANCELED)
                } else if let granted = call.granted {
                    .passUpTo(granted)
                } else {
                    ask(call)
                }
            call.granted = nil
            var limit = Int.max
            switch turn {
            case .pass: break
            case .passUpTo(let count): limit = max(count, 1)
            case .wait(let due): return wait(call, until: due)
            case .waitForever: return wait(call, until: .max)
            case .end(let bytes): return finish(call, 0, bytes)
            case .sendCopies(let count, let time):
                guard call.kind == .sendTo else { break }
                keepCopies(of: call, count, until: time)
                return finish(call, 0, UInt64(call.asked.bytes))
            case .fail(let errno): return finish(call, -Int32(clamping: errno.magnitude), 0)
            }
            guard Frame.push(call.slot, call.request, Self.partEnded, Unmanaged.passUnretained(call).toOpaque()) else {
                return finish(call, -ENOMEM, 0)
            }
            _ = Unmanaged.passRetained(call)
            call.prepare(limit)
            let isLast = call.isLast
            _ = call.issue(limit)
            guard call.operation.field(\.arrivals).arrive() else {
                // It goes on where it ends. After its last part the next call may go.
                if isLast { locked { lanes[direction].isBusy = false } }
                return
            }
            if !advance(call, hasWaited: false) {
                locked { lanes[direction].isBusy = false }
                return
            }
        }
    }

    private func ask(_ call: HeldCall) -> Turn {
        var view = call.view(clinux_monotonic())
        return ask(call.slot, &view)
    }

    private var isEnding: Bool { locked { isClosing } }

    private func wait(_ call: HeldCall, until due: Int64) {
        let status = locked { () -> lamina_status in
            let status = hold(call, due: due, atFront: true)
            if status == 0 { lanes[call.kind.direction].isBusy = false }
            return status
        }
        if status < 0 { finish(call, status, 0) }
    }

    /// Completes a call that stays above, and gives its lane back.
    private func finish(_ call: HeldCall, _ status: lamina_status, _ bytes: UInt64) {
        _ = lamina_complete(call.slot, call.request, status, call.operation.pointee.moved + bytes)
        locked { lanes[call.kind.direction].isBusy = false }
    }

    /// The frame of a part: keeps the request, which `advance` completes.
    private static let partEnded: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        let call = Unmanaged<HeldCall>.fromOpaque(context).takeRetainedValue()
        call.ended = (request.pointee.status, request.pointee.bytes)
        if call.operation.field(\.arrivals).arrive() { call.lanes.partEndedLater(call) }
        return LAMINA_MORE_PROCESSING
    }

    /// A part has ended after the call below had returned.
    private func partEndedLater(_ call: HeldCall) {
        let (direction, isLast) = (call.kind.direction, call.isLast)
        locked { enterWork(call.slot) }
        if advance(call, hasWaited: true) {
            proceed(call)
        } else if !isLast {
            locked { lanes[direction].isBusy = false }
        }
        look(direction)
    }

    /// Takes the end of a part. True: the call has more to pass on; else it has completed, or will when its time comes.
    private func advance(_ call: HeldCall, hasWaited: Bool) -> Bool {
        let goesOn = call.advance()
        let asked = (call.asked.isLook, call.asked.bytes > 0)
        let delivery = tell(call.slot, PassedView(call.kind, call.ended, asked, hasWaited: hasWaited))
        if case .fail(let errno) = delivery {
            call.operation.pointee.status = -Int32(clamping: errno.magnitude)
        } else if goesOn {
            return true
        }
        let (status, moved) = (call.operation.pointee.status, call.operation.pointee.moved)
        // Who has sent a part that fails has no use for the rest.
        if !put(call.slot, call.request, status, moved, delivery, call.kind.direction) {
            _ = lamina_complete(call.slot, call.request, status, moved)
        }
        return false
    }

    // MARK: - Calls that are passed on at once

    private func passOn(
        _ limit: Int,
        _ call: CallView,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ pass: (Int) -> lamina_status
    ) -> lamina_status {
        let mark = UInt64(call.kind.rawValue) | (call.isLook ? Self.lookBit : 0) | (call.bytes > 0 ? Self.roomBit : 0)
        let context = Unmanaged.passUnretained(self).toOpaque()
        guard
            Frame.pushInline(slot, request, Self.passedOn, context, mark)
                || Frame.push(slot, request, Self.passedOn, context, mark)
        else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return pass(limit)
    }

    private static let lookBit: UInt64 = 1 << 32
    private static let roomBit: UInt64 = 1 << 33

    private static let passedOn: lamina_completion = { slot, request, context in
        guard let slot, let context, Part(slot) != nil else { return 0 }
        let mark = Frame.scratch(request)
        guard let kind = DelayedKind(rawValue: UInt32(truncatingIfNeeded: mark)) else { return 0 }
        let asked = (mark & lookBit != 0, mark & roomBit != 0)
        // The state of the socket, which is open, keeps them.
        return Unmanaged<CallLanes>.fromOpaque(context)._withUnsafeGuaranteedRef {
            $0.ended(slot, request, kind, asked)
        }
    }

    private func ended(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ kind: DelayedKind,
        _ asked: (isLook: Bool, hasRoom: Bool)
    ) -> lamina_status {
        let hasWaited = !lanes[kind.direction].has(request)
        let (status, bytes) = (request.pointee.status, request.pointee.bytes)
        let delivery = tell(slot, PassedView(kind, (status, bytes), asked, hasWaited: hasWaited))
        if case .fail(let errno) = delivery { request.pointee.status = -Int32(clamping: errno.magnitude) }
        guard request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) == 0 else { return 0 }
        let isKept = put(slot, request, request.pointee.status, bytes, delivery, kind.direction)
        return isKept ? LAMINA_MORE_PROCESSING : 0
    }

    private func tell(_ slot: UnsafeMutablePointer<lamina_slot>, _ end: PassedView) -> Delivery {
        guard let part = Part(slot), let type = part.own.delaysCalls else { return .now }
        return type.tell(part, slot, end)
    }

    // MARK: - Completions that wait

    /// Keeps a completion until its time, or behind those before it. False: it may go up at once.
    private func put(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ status: lamina_status,
        _ bytes: UInt64,
        _ delivery: Delivery,
        _ direction: Int
    ) -> Bool {
        var due: Int64 = 0
        if case .later(let time) = delivery { due = time }
        guard due > 0 || lanes[direction].hasMore else { return false }
        return locked {
            guard !isClosing, due > 0 || lanes[direction].hasUndelivered else { return false }
            keepPlace(slot, direction)
            slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
            lanes[direction].ended.append(CallLane.End(request: request, status: status, bytes: bytes, due: due))
            arm(direction)
            return true
        }
    }

    /// Gives up what is due, one thread at a time, so that the order stays.
    private func deliver(_ direction: Int) {
        let begun = locked { () -> UnsafeMutablePointer<lamina_slot>? in
            guard !lanes[direction].isDelivering, !lanes[direction].ended.isEmpty else { return nil }
            lanes[direction].isDelivering = true
            return slot
        }
        guard let slot = begun else { return }
        while true {
            let end = locked { () -> CallLane.End? in
                let now = isClosing ? Int64.max : clinux_monotonic()
                guard let end = lanes[direction].ended.first, end.due <= now else {
                    lanes[direction].isDelivering = false
                    return nil
                }
                return lanes[direction].ended.removeFirst()
            }
            guard let end else { return }
            _ = lamina_complete(slot, end.request, end.status, end.bytes)
        }
    }

    // MARK: - Copies

    private func keepCopies(of call: HeldCall, _ count: Int, until due: Int64) {
        guard let message = call.operation.pointee.messages else { return }
        locked {
            keepPlace(call.slot, call.kind.direction)
            for _ in 0..<count {
                let copy = CopiedDatagram(message.pointee, call.operation.pointee.flags)
                lanes[call.kind.direction].copies.append((copy, due))
            }
        }
    }

    /// Sends the copies whose time has come, which lie in the lane of the sends.
    private func sendCopies() {
        let due = locked { () -> [CopiedDatagram] in
            guard !isClosing, !lanes[0].copies.isEmpty else { return [] }
            let now = clinux_monotonic()
            let due = lanes[0].copies.filter { $0.due <= now }.map(\.datagram)
            lanes[0].copies.removeAll { $0.due <= now }
            return due
        }
        if let slot { for copy in due { copy.send(from: slot) } }
    }

    // MARK: - Time

    /// Sees to it that the engine looks at a lane when something is due there. Under the lock.
    private func arm(_ direction: Int) {
        let due = min(lanes[direction].due, direction == 1 ? inbox?.due ?? .max : .max)
        guard due < lanes[direction].alarm, let slot else { return }
        lanes[direction].alarm = due
        let context = Unmanaged.passRetained(self)
        let function = direction == 0 ? Self.rang0 : Self.rang1
        guard slot.pointee.column.pointee.upcalls.pointee.post_at(slot, due, function, context.toOpaque()) < 0 else {
            return
        }
        // No memory now: the next call tries again.
        lanes[direction].alarm = .max
        context.release()
    }

    private static let rang0: @convention(c) (UnsafeMutableRawPointer?) -> Void = { rang($0, 0) }
    private static let rang1: @convention(c) (UnsafeMutableRawPointer?) -> Void = { rang($0, 1) }

    private static func rang(_ context: UnsafeMutableRawPointer?, _ direction: Int) {
        guard let context else { return }
        let lanes = Unmanaged<CallLanes>.fromOpaque(context).takeRetainedValue()
        let goesOn = lanes.locked { () -> Bool in
            lanes.lanes[direction].alarm = .max
            if !lanes.isClosing { lanes.active += 1 }
            return !lanes.isClosing
        }
        if goesOn { lanes.look(direction) }
    }

    // MARK: - Close

    /// Ends what waits, and passes the close on when no thread is inside any more. Answers what the entry returns.
    func close(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        locked {
            isClosing = true
            enterWork(slot)
            for direction in 0..<2 { lanes[direction].noteMore() }
        }
        for direction in 0..<2 { work(direction) }
        let isLast = locked { () -> Bool in
            active = max(active - 1, 0)
            guard active > 0 || isPassing else { return true }
            slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
            closing = request
            return false
        }
        return isLast ? LifetimeThunks.passClose(slot, request) : LAMINA_PENDING
    }
}
