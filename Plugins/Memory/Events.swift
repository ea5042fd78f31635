import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the other side did goes up, on the engine's thread.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        var set = set
        guard unsafe UnsafeMutablePointer<Inspector>.take(from: &set, clear, enable: { unsafe state.inspect() }) else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        if set | clear == 0 { return unsafe lamina_complete(slot, request, 0, 0) }
        if unsafe (set | clear) & UnsafeMutablePointer<AcceptIndicator>.known != 0 {
            guard let listener = unsafe state.pointee.listener else { return unsafe later(state, set, clear, request) }
            guard let acceptance = unsafe listener.makeAcceptance() else {
                return unsafe lamina_complete(slot, request, -ENOMEM, 0)
            }
            return unsafe acceptance.change(set: set, clear: clear, request)
        }
        if unsafe !state.pointee.isDatagram, unsafe state.pointee.link == nil {
            return unsafe later(state, set, clear, request)
        }
        guard let indicator = unsafe state.makeIndicator() else {
            return unsafe lamina_complete(slot, request, -ENOMEM, 0)
        }
        return unsafe indicator.change(set: set, clear: clear, request)
    }

    /// Keeps what is wanted until the socket is connected or listens.
    private static func later(
        _ state: UnsafeMutablePointer<SocketState>,
        _ set: UInt32,
        _ clear: UInt32,
        _ request: Request
    ) -> lamina_status {
        let slot = unsafe state.pointee.slot
        let known =
            unsafe UnsafeMutablePointer<AcceptIndicator>.known
            | UnsafeMutablePointer<Indicator>.known(isDatagram: false)
        guard set & clear == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        guard (set | clear) & ~known == 0 else { return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        unsafe state.pointee.wanted = (state.pointee.wanted | set) & ~clear
        unsafe clinux_store_u32(&slot.pointee.enabled, state.pointee.wanted)
        return unsafe lamina_complete(slot, request, 0, 0)
    }

    fileprivate nonisolated(unsafe) static let ofEnds: UnsafePointer<IndicatorActions> = unsafe Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                unsafe owner.withEnd { link, side in
                    var buffer = unsafe room.pointee.buffer
                    var wakes = false
                    let received = unsafe link.receive(side, &buffer, 1, keeps: false, &wakes)
                    if wakes { unsafe link.wakeOutput(side.other) }
                    return received
                } ?? -Int(EAGAIN)
            },
            ending: { owner in
                unsafe owner.withEnd { link, side in
                    unsafe link.lock()
                    defer { unsafe link.unlock() }
                    return unsafe link.ending(side)
                } ?? nil
            },
            backlog: { owner in
                unsafe owner.withEnd { link, side in unsafe link.outgoing(side).pointee.bytes.capacity } ?? 0
            },
            schedule: { owner in
                guard let indicator = unsafe owner.assumingMemoryBound(to: End.self).pointee.indicator else { return 0 }
                let (hasInput, hasEnded) = unsafe owner.withEnd { unsafe $0.news($1) } ?? (false, false)
                return unsafe indicator.wantsInput && hasInput || indicator.wantsEnd && hasEnded ? indicator.post() : 0
            }
        )
    )

    fileprivate nonisolated(unsafe) static let ofMailboxes: UnsafePointer<IndicatorActions> = unsafe Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                let mailbox = unsafe owner.assumingMemoryBound(to: Mailbox.self)
                var buffer = unsafe room.pointee.buffer
                return unsafe withUnsafePointer(to: &buffer) { buffer in
                    var message = unsafe room.pointee.message(into: buffer)
                    let received =
                        unsafe withUnsafeMutablePointer(to: &message) { unsafe Datagram.receiveOne(mailbox, $0, $0, 0) }
                        ?? -Int(EAGAIN)
                    unsafe room.pointee.note(message, received)
                    return received
                }
            },
            ending: { _ in nil },
            schedule: { owner in
                let mailbox = unsafe owner.assumingMemoryBound(to: Mailbox.self)
                guard let indicator = unsafe mailbox.pointee.indicator, unsafe mailbox.pointee.first != nil else {
                    return 0
                }
                return unsafe indicator.wantsInput ? indicator.post() : 0
            }
        )
    )
}

extension UnsafeMutableRawPointer {
    /// Of an end that a socket has: its link, and which side it is.
    fileprivate func withEnd<Result>(_ body: (UnsafeMutablePointer<Link>, Side) -> Result) -> Result? {
        guard let state = unsafe assumingMemoryBound(to: End.self).pointee.state, let link = unsafe state.pointee.link
        else {
            return nil
        }
        return unsafe body(link, state.pointee.side)
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Runs `body` with the place of the indicator of a datagram socket or a connection, under the locks that guard it.
    private func withIndicator(_ body: (inout UnsafeMutablePointer<Indicator>?) -> Void) {
        if let mailbox = unsafe pointee.mailbox {
            unsafe mailbox.group.lock()
            unsafe body(&mailbox.field(\.indicator).pointee)
            unsafe mailbox.group.unlock()
        } else if let link = unsafe pointee.link {
            let end = unsafe link.end(pointee.side)
            unsafe end.group.lock()
            unsafe link.lock()
            unsafe body(&end.field(\.indicator).pointee)
            unsafe link.unlock()
            unsafe end.group.unlock()
        }
    }

    /// The indicator that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator(enabled: UInt32 = 0) -> UnsafeMutablePointer<Indicator>? {
        let isDatagram = unsafe pointee.mailbox != nil
        let actions = unsafe isDatagram ? Events.ofMailboxes : Events.ofEnds
        guard let lane = unsafe pointee.mailbox?.input ?? pointee.link?.end(pointee.side).input else { return nil }
        var indicator: UnsafeMutablePointer<Indicator>?
        unsafe withIndicator { place in
            unsafe place = place ?? .make(actions, lane, pointee.slot, isDatagram: isDatagram, enabled: enabled)
            unsafe indicator = place
        }
        return unsafe indicator
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        guard unsafe pointee.wanted != 0 else { return }
        unsafe makeIndicator(enabled: pointee.wanted)?.schedule()
    }

    /// Frees the indicator, of a socket that nobody uses any more.
    func dropIndicator() {
        var indicator: UnsafeMutablePointer<Indicator>?
        unsafe withIndicator { unsafe swap(&$0, &indicator) }
        unsafe indicator?.destroy()
    }
}

extension UnsafeMutablePointer<Listener> {
    /// The one that there is, or a new one. Nil: no memory.
    func makeAcceptance(enabled: UInt32 = 0) -> UnsafeMutablePointer<AcceptIndicator>? {
        unsafe group.lock()
        let first = unsafe pointee.acceptance
        let slot = unsafe pointee.state.pointee.slot
        let made = unsafe first ?? .make(group, slot, { unsafe Accept.accept($0, $1, $2, $3) }, enabled: enabled)
        unsafe pointee.acceptance = made
        unsafe group.unlock()
        if unsafe first == nil { unsafe made?.listen() }
        return unsafe made
    }
}
