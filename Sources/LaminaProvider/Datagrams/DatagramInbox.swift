import CLamina
import CLinux
import Glibc

/// The datagrams of one socket on their way up, where the layer says what becomes of each (`SortsDatagrams`): to the calls
/// above it is what the levels below are. It receives from those only while a call wants a datagram, one at a time.
final class DatagramInbox: @unchecked Sendable {
    /// A call that waits for a datagram.
    private final class Waiting {
        // One party at a time has it: the inbox, under the lock, or whoever took it out.
        let operation: UnsafeMutablePointer<Operation>
        unowned let inbox: DatagramInbox

        init(_ operation: UnsafeMutablePointer<Operation>, _ inbox: DatagramInbox) {
            self.operation = operation
            self.inbox = inbox
        }

        deinit { operation.discard() }

        var request: UnsafeMutablePointer<lamina_request> { operation.pointee.request }
    }

    /// What a look finds.
    private enum Found {
        case datagram(FetchedDatagram)
        case nothing
        case closed
    }

    // Everything is guarded by the lock of the lanes, which own this.
    private unowned let lanes: CallLanes
    private var waiting: [Waiting] = []
    /// What goes up, in this order.
    private var ready: [FetchedDatagram] = []
    /// What goes up behind the next, and when at the latest.
    private var aside: (datagram: FetchedDatagram, due: Int64)?
    /// What is received now.
    private var fetch: FetchedDatagram?
    private var arrivals = ArrivalView()
    /// A thread completes calls; another one's wish makes it look again.
    private var isServing = false

    init(_ lanes: CallLanes) { self.lanes = lanes }

    // MARK: - Under the lock

    /// When something is due.
    var due: Int64 { aside?.due ?? .max }

    /// Whether nothing is kept, and nothing waits.
    var isIdle: Bool { waiting.isEmpty && ready.isEmpty && aside == nil && fetch == nil && !isServing }

    /// How many datagrams are kept.
    var count: Int { ready.count { $0.status >= 0 } + (aside == nil ? 0 : 1) }

    /// In a child process: what waits and what is kept is the parent's.
    func forget() {
        for call in waiting { _ = Unmanaged.passRetained(call) }
        if let fetch { _ = Unmanaged.passRetained(fetch) }
        for datagram in ready + (aside.map { [$0.datagram] } ?? []) { _ = Unmanaged.passRetained(datagram) }
        (waiting, ready, aside, fetch, isServing) = ([], [], nil, nil, false)
    }

    private func release(_ isDue: Bool) {
        guard let late = aside, isDue || late.due <= clinux_monotonic() else { return }
        aside = nil
        ready.append(late.datagram)
    }

    private func makeFetch(for message: UnsafePointer<lamina_message>?) -> FetchedDatagram {
        let room = message.map { byteCount($0.pointee.buffers, $0.pointee.buffer_count) } ?? 0
        let made = FetchedDatagram(lanes, room: room, controlRoom: message?.pointee.control_length ?? 0)
        fetch = made
        return made
    }

    // MARK: - Calls

    /// The entry `receive_from`, of a call that takes a datagram or looks at one.
    func receive(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let isLook = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
        switch find(slot, message, takes: !isLook) {
        case .datagram(let datagram):
            return lamina_complete(slot, request, datagram.status, datagram.give(to: message, isLook: isLook))
        case .closed: return lamina_complete(slot, request, -ECANCELED, 0)
        case .nothing where request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0:
            return lamina_complete(slot, request, -EAGAIN, 0)
        case .nothing: break
        }
        let status = wait(slot, message, flags, request)
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        serve()
        return LAMINA_PENDING
    }

    /// How many bytes the next datagram has that a receive would find now.
    func backlog(_ slot: UnsafeMutablePointer<lamina_slot>) -> Int {
        guard case .datagram(let datagram) = find(slot, nil, takes: false) else { return 0 }
        return datagram.bytes.byteCount
    }

    /// The first datagram that is there, which is received where none is kept. Never waits.
    private func find(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>?,
        takes: Bool
    ) -> Found {
        var tried: FetchedDatagram?
        while true {
            let found = lanes.locked { () -> Found? in
                guard !lanes.isClosing else { return .closed }
                release(false)
                guard !isServing, waiting.isEmpty else { return .nothing }
                if let first = ready.first {
                    if takes || first.status < 0 { ready.removeFirst() }
                    return .datagram(first)
                }
                guard fetch == nil, tried?.status != -EAGAIN else { return .nothing }
                tried = makeFetch(for: message)
                return nil
            }
            if let found { return found }
            tried?.begin(from: slot, isTry: true)
        }
    }

    /// Becomes the holder of a call. A negative errno: it ends with that.
    private func wait(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE_FROM,
            HeldCall.noLane,
            slot,
            request,
            messages: UnsafePointer(message),
            results: message,
            count: 1,
            flags: flags,
            isSend: false
        )
        guard let made else { return -ENOMEM }
        let call = Waiting(made, self)
        return lanes.locked {
            guard !lanes.isClosing else { return -ECANCELED }
            request.pointee.owner.0 = Unmanaged.passUnretained(call).toOpaque()
            let status = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
                guard let owner = request.pointee.owner.0 else { return }
                let call = Unmanaged<Waiting>.fromOpaque(owner).takeUnretainedValue()
                call.inbox.cancel(call)
            }
            if status == 0 { waiting.append(call) }
            return status
        }
    }

    private func cancel(_ call: Waiting) {
        let useless = lanes.locked { () -> FetchedDatagram? in
            waiting.removeAll { $0 === call }
            lanes.enterWork(call.operation.pointee.slot)
            return waiting.isEmpty ? fetch : nil
        }
        let request = call.request
        _ = lamina_complete(call.operation.pointee.slot, request, lamina_cancel_status(request), 0)
        useless?.cancel()
        lanes.look(1)
    }

    // MARK: - What comes

    /// What is received now has ended. Nothing comes from a socket that closes.
    func ended(_ datagram: FetchedDatagram, _ slot: UnsafeMutablePointer<lamina_slot>, _ status: lamina_status) {
        let view = lanes.locked { () -> ArrivalView? in
            datagram.status = status
            if lanes.isClosing {
                fetch = nil
                if status >= 0 { ready.append(datagram) }
                return nil
            }
            lanes.enterWork(slot)
            arrivals.hasOneBefore = aside != nil
            arrivals.now = clinux_monotonic()
            return arrivals
        }
        guard let view else { return }
        var arrival = Arrival.up
        if status >= 0, let part = Part(slot), let type = part.own.sortsDatagrams {
            arrival = type.judge(part, slot, datagram, view)
        }
        lanes.locked {
            fetch = nil
            sort(datagram, arrival)
        }
        lanes.look(1)
    }

    /// Under the lock.
    private func sort(_ datagram: FetchedDatagram, _ arrival: Arrival) {
        guard datagram.status >= 0 else {
            // Who only tried, or has cancelled it, needs no answer.
            if datagram.status != -EAGAIN, !datagram.isCancelled { ready.append(datagram) }
            return
        }
        arrivals.index += 1
        arrivals.position += UInt64(datagram.bytes.byteCount)
        switch arrival {
        case .dropped: return
        case .behindNext(let due) where aside == nil:
            aside = (datagram, due)
            return
        case .copies(let count): ready.append(contentsOf: repeatElement(datagram, count: max(count, 0)))
        case .up, .behindNext: ready.append(datagram)
        }
        release(true)
    }

    /// Gives what is there to those that wait, one thread at a time, so that the order stays, and receives more for them.
    /// The caller is counted as active until this returns.
    func serve() {
        enum Step {
            case give(Waiting, FetchedDatagram), fail(Waiting), receive(FetchedDatagram, Waiting), stop
        }
        guard
            lanes.locked({
                isServing
                    ? false
                    : {
                        isServing = true; return true
                    }()
            })
        else { return }
        while true {
            let step = lanes.locked { () -> Step in
                release(false)
                // What a cancel has, that ends, and looks here again.
                if let first = waiting.first, lanes.isClosing || !ready.isEmpty,
                    lamina_request_claim(first.request) != 0
                {
                    waiting.removeFirst()
                    guard !lanes.isClosing, let datagram = ready.first else { return .fail(first) }
                    let isLook = first.operation.pointee.flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
                    if !isLook || datagram.status < 0 { ready.removeFirst() }
                    return .give(first, datagram)
                }
                if let first = waiting.first, !lanes.isClosing, ready.isEmpty, fetch == nil {
                    let messages = first.operation.pointee.messages
                    return .receive(makeFetch(for: messages.map { UnsafePointer($0) }), first)
                }
                isServing = false
                return .stop
            }
            switch step {
            case .give(let call, let datagram):
                let (slot, flags) = (call.operation.pointee.slot, call.operation.pointee.flags)
                let bytes = datagram.give(to: call.operation, isLook: flags & UInt32(LAMINA_RECEIVE_PEEK) != 0)
                _ = lamina_complete(slot, call.request, datagram.status, bytes)
            case .fail(let call): _ = lamina_complete(call.operation.pointee.slot, call.request, -ECANCELED, 0)
            case .receive(let fetch, let call): fetch.begin(from: call.operation.pointee.slot, isTry: false)
            case .stop: return
            }
        }
    }
}

/// What is known of a datagram beside itself.
struct ArrivalView {
    var index: UInt64 = 0
    var position: UInt64 = 0
    var hasOneBefore = false
    var now: Int64 = 0
}
