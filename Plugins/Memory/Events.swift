import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the other side did goes up, on the engine's thread.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        var set = set
        guard UnsafeMutablePointer<Inspector>.take(from: &set, clear, enable: { state.inspect() }) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        if set | clear == 0 { return lamina_complete(slot, request, 0, 0) }
        if (set | clear) & UnsafeMutablePointer<AcceptIndicator>.known != 0 {
            guard let listener = state.pointee.listener else { return later(state, set, clear, request) }
            guard let acceptance = listener.makeAcceptance() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return acceptance.change(set: set, clear: clear, request)
        }
        if !state.pointee.isDatagram, state.pointee.link == nil { return later(state, set, clear, request) }
        guard let indicator = state.makeIndicator() else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return indicator.change(set: set, clear: clear, request)
    }

    /// Keeps what is wanted until the socket is connected or listens.
    private static func later(
        _ state: UnsafeMutablePointer<SocketState>,
        _ set: UInt32,
        _ clear: UInt32,
        _ request: Request
    ) -> lamina_status {
        let slot = state.pointee.slot
        let known =
            UnsafeMutablePointer<AcceptIndicator>.known | UnsafeMutablePointer<Indicator>.known(isDatagram: false)
        guard set & clear == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        guard (set | clear) & ~known == 0 else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        state.pointee.wanted = (state.pointee.wanted | set) & ~clear
        clinux_store_u32(&slot.pointee.enabled, state.pointee.wanted)
        return lamina_complete(slot, request, 0, 0)
    }

    fileprivate nonisolated(unsafe) static let ofEnds: UnsafePointer<IndicatorActions> = Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                owner.withEnd { link, side in
                    var buffer = room.pointee.buffer
                    var wakes = false
                    let received = link.receive(side, &buffer, 1, keeps: false, &wakes)
                    if wakes { link.wakeOutput(side.other) }
                    return received
                } ?? -Int(EAGAIN)
            },
            ending: { owner in
                owner.withEnd { link, side in
                    link.lock()
                    defer { link.unlock() }
                    return link.ending(side)
                } ?? nil
            },
            backlog: { owner in owner.withEnd { link, side in link.outgoing(side).pointee.bytes.capacity } ?? 0 },
            schedule: { owner in
                guard let indicator = owner.assumingMemoryBound(to: End.self).pointee.indicator else { return 0 }
                let (hasInput, hasEnded) = owner.withEnd { $0.news($1) } ?? (false, false)
                return indicator.wantsInput && hasInput || indicator.wantsEnd && hasEnded ? indicator.post() : 0
            }
        )
    )

    fileprivate nonisolated(unsafe) static let ofMailboxes: UnsafePointer<IndicatorActions> = Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                let mailbox = owner.assumingMemoryBound(to: Mailbox.self)
                var buffer = room.pointee.buffer
                return withUnsafePointer(to: &buffer) { buffer in
                    var message = room.pointee.message(into: buffer)
                    let received =
                        withUnsafeMutablePointer(to: &message) { Datagram.receiveOne(mailbox, $0, $0, 0) }
                        ?? -Int(EAGAIN)
                    room.pointee.note(message, received)
                    return received
                }
            },
            ending: { _ in nil },
            schedule: { owner in
                let mailbox = owner.assumingMemoryBound(to: Mailbox.self)
                guard let indicator = mailbox.pointee.indicator, mailbox.pointee.first != nil else { return 0 }
                return indicator.wantsInput ? indicator.post() : 0
            }
        )
    )
}

extension UnsafeMutableRawPointer {
    /// Of an end that a socket has: its link, and which side it is.
    fileprivate func withEnd<Result>(_ body: (UnsafeMutablePointer<Link>, Side) -> Result) -> Result? {
        guard let state = assumingMemoryBound(to: End.self).pointee.state, let link = state.pointee.link else {
            return nil
        }
        return body(link, state.pointee.side)
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Runs `body` with the place of the indicator of a datagram socket or a connection, under the locks that guard it.
    private func withIndicator(_ body: (inout UnsafeMutablePointer<Indicator>?) -> Void) {
        if let mailbox = pointee.mailbox {
            mailbox.group.lock()
            body(&mailbox.field(\.indicator).pointee)
            mailbox.group.unlock()
        } else if let link = pointee.link {
            let end = link.end(pointee.side)
            end.group.lock()
            link.lock()
            body(&end.field(\.indicator).pointee)
            link.unlock()
            end.group.unlock()
        }
    }

    /// The indicator that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator(enabled: UInt32 = 0) -> UnsafeMutablePointer<Indicator>? {
        let isDatagram = pointee.mailbox != nil
        let actions = isDatagram ? Events.ofMailboxes : Events.ofEnds
        guard let lane = pointee.mailbox?.input ?? pointee.link?.end(pointee.side).input else { return nil }
        var indicator: UnsafeMutablePointer<Indicator>?
        withIndicator { place in
            place = place ?? .make(actions, lane, pointee.slot, isDatagram: isDatagram, enabled: enabled)
            indicator = place
        }
        return indicator
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        guard pointee.wanted != 0 else { return }
        makeIndicator(enabled: pointee.wanted)?.schedule()
    }

    /// Frees the indicator, of a socket that nobody uses any more.
    func dropIndicator() {
        var indicator: UnsafeMutablePointer<Indicator>?
        withIndicator { swap(&$0, &indicator) }
        indicator?.destroy()
    }
}

extension UnsafeMutablePointer<Listener> {
    /// The one that there is, or a new one. Nil: no memory.
    func makeAcceptance(enabled: UInt32 = 0) -> UnsafeMutablePointer<AcceptIndicator>? {
        group.lock()
        let first = pointee.acceptance
        let slot = pointee.state.pointee.slot
        let made = first ?? .make(group, slot, { Accept.accept($0, $1, $2, $3) }, enabled: enabled)
        pointee.acceptance = made
        group.unlock()
        if first == nil { made?.listen() }
        return made
    }
}
