import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the other side did goes up, on the engine's thread.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        if (set | clear) & UnsafeMutablePointer<Inspector>.known != 0 {
            // Asked for before listen, and for good.
            guard clear & UnsafeMutablePointer<Inspector>.known == 0, state.inspect() else {
                return lamina_complete(slot, request, -EINVAL, 0)
            }
        }
        let set = set & ~UnsafeMutablePointer<Inspector>.known
        if set | clear == 0 { return lamina_complete(slot, request, 0, 0) }
        if (set | clear) & IndicationGate.ofListeners != 0 {
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

    fileprivate nonisolated(unsafe) static let ofEnds: UnsafePointer<IndicatorActions> = IndicatorActions(
        read: { owner, room in
            owner.withEnd { link, side in
                var buffer = lamina_buffer(base: room.pointee.bytes, length: room.pointee.capacity)
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
        backlog: { owner in owner.withEnd { link, side in link.outgoing(side).pointee.capacity } ?? 0 },
        schedule: { owner in
            guard let indicator = owner.assumingMemoryBound(to: End.self).pointee.indicator else { return 0 }
            let hasInput = owner.withEnd { $0.hasInput($1) } ?? false
            return hasInput && (indicator.wantsInput || indicator.wantsEnd) ? indicator.post() : 0
        }
    ).immortal

    fileprivate nonisolated(unsafe) static let ofMailboxes: UnsafePointer<IndicatorActions> = IndicatorActions(
        read: { owner, room in
            let mailbox = owner.assumingMemoryBound(to: Mailbox.self)
            var buffer = lamina_buffer(base: room.pointee.bytes, length: room.pointee.capacity)
            return withUnsafeMutablePointer(to: &buffer) { buffer in
                var message = lamina_message()
                message.buffers = UnsafePointer(buffer)
                message.buffer_count = 1
                message.address = room.pointee.address
                let received = withUnsafeMutablePointer(to: &message) { Datagram.receiveOne(mailbox, $0, $0, 0) }
                room.pointee.controlLength = 0
                room.pointee.flags = message.flags
                return received ?? -Int(EAGAIN)
            }
        },
        ending: { _ in nil },
        schedule: { owner in
            let mailbox = owner.assumingMemoryBound(to: Mailbox.self)
            guard let indicator = mailbox.pointee.indicator, mailbox.pointee.first != nil else { return 0 }
            return indicator.wantsInput ? indicator.post() : 0
        }
    ).immortal
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
    /// The indicator of a datagram socket or a connection: the one that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator(enabled: UInt32 = 0) -> UnsafeMutablePointer<Indicator>? {
        if let mailbox = pointee.mailbox {
            if let made = mailbox.pointee.indicator { return made }
            let made = UnsafeMutablePointer<Indicator>.make(
                Events.ofMailboxes,
                mailbox.input,
                pointee.slot,
                isDatagram: true,
                enabled: enabled
            )
            mailbox.group.lock()
            let first = mailbox.pointee.indicator
            mailbox.pointee.indicator = first ?? made
            mailbox.group.unlock()
            if first != nil { made?.destroy() }
            return first ?? made
        }
        guard let link = pointee.link else { return nil }
        let end = link.end(pointee.side)
        if let made = end.pointee.indicator { return made }
        let made = UnsafeMutablePointer<Indicator>.make(
            Events.ofEnds,
            end.input,
            pointee.slot,
            isDatagram: false,
            enabled: enabled
        )
        end.group.lock()
        link.lock()
        let first = end.pointee.indicator
        end.pointee.indicator = first ?? made
        link.unlock()
        end.group.unlock()
        if first != nil { made?.destroy() }
        return first ?? made
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        guard pointee.wanted != 0 else { return }
        makeIndicator(enabled: pointee.wanted)?.schedule()
    }

    /// Frees the indicator, of a socket that nobody uses any more.
    func dropIndicator() {
        if let mailbox = pointee.mailbox {
            mailbox.group.lock()
            let indicator = mailbox.pointee.indicator
            mailbox.pointee.indicator = nil
            mailbox.group.unlock()
            indicator?.destroy()
        }
        guard let link = pointee.link else { return }
        let end = link.end(pointee.side)
        end.group.lock()
        link.lock()
        let indicator = end.pointee.indicator
        end.pointee.indicator = nil
        link.unlock()
        end.group.unlock()
        indicator?.destroy()
    }
}

extension UnsafeMutablePointer<Listener> {
    /// The one that there is, or a new one. Nil: no memory.
    func makeAcceptance(enabled: UInt32 = 0) -> UnsafeMutablePointer<AcceptIndicator>? {
        if let made = pointee.acceptance { return made }
        let made = UnsafeMutablePointer<AcceptIndicator>.make(
            group,
            pointee.state.pointee.slot,
            { Accept.accept($0, $1, $2, $3) },
            enabled: enabled
        )
        group.lock()
        let first = pointee.acceptance
        pointee.acceptance = first ?? made
        group.unlock()
        if first != nil { made?.destroy() } else { made?.listen() }
        return first ?? made
    }
}
