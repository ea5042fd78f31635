import CLamina
import CLinux
import Glibc

/// Indications of a base in Swift: what came goes up, on the engine's thread.
enum BaseEvents {
    static func enable(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ set: UInt32,
        _ clear: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        var set = set
        guard UnsafeMutablePointer<Inspector>.take(from: &set, clear, enable: { socket.inspect() }) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        if set | clear == 0 { return lamina_complete(slot, request, 0, 0) }
        if socket.pointee.datagrams != nil {
            guard let indicator = socket.makeIndicator() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return indicator.change(set: set, clear: clear, request)
        }
        if (set | clear) & UnsafeMutablePointer<AcceptIndicator>.known != 0 {
            guard socket.marks.contains(.listening) else { return later(socket, set, clear, request) }
            guard let acceptance = socket.makeAcceptance() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return acceptance.change(set: set, clear: clear, request)
        }
        guard socket.marks.contains(.connected) else { return later(socket, set, clear, request) }
        guard let indicator = socket.makeIndicator() else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return indicator.change(set: set, clear: clear, request)
    }

    /// Keeps what is wanted until the socket is connected or listens.
    private static func later(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ set: UInt32,
        _ clear: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let slot = socket.field(\.slot).pointee
        let known =
            UnsafeMutablePointer<AcceptIndicator>.known | UnsafeMutablePointer<Indicator>.known(isDatagram: false)
        guard set & clear == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        guard (set | clear) & ~known == 0 else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        socket.group.lock()
        socket.field(\.wanted).pointee = (socket.field(\.wanted).pointee | set) & ~clear
        clinux_store_u32(&slot.pointee.enabled, socket.field(\.wanted).pointee)
        socket.group.unlock()
        return lamina_complete(slot, request, 0, 0)
    }

    fileprivate nonisolated(unsafe) static let actions = Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                var buffer = room.pointee.buffer
                return owner.assumingMemoryBound(to: BaseSocket.self).take(&buffer, 1, keeps: false)
            },
            ending: { owner in
                let socket = owner.assumingMemoryBound(to: BaseSocket.self)
                guard socket.field(\.kept).pointee.count == 0 else { return nil }
                // Whether there is an end shows only behind what came before it.
                let received = socket.look(peeked)
                return received > 0 || received == -Int(EAGAIN) ? nil : Int32(received)
            },
            schedule: { owner in
                let socket = owner.assumingMemoryBound(to: BaseSocket.self)
                guard let indicator = socket.field(\.indicator).pointee else { return 0 }
                let marks = socket.marks
                let hasData = !marks.isDisjoint(with: [.news, .keeps])
                let hasEnd = marks.contains(.news) && !marks.contains(.keeps)
                return indicator.wantsInput && hasData || indicator.wantsEnd && hasEnd ? indicator.post() : 0
            }
        )
    )

    fileprivate nonisolated(unsafe) static let datagramActions = Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                let socket = owner.assumingMemoryBound(to: BaseSocket.self)
                var buffer = room.pointee.buffer
                return withUnsafePointer(to: &buffer) { buffer in
                    var message = room.pointee.message(into: buffer)
                    var received = -Int(EAGAIN)
                    // A failure would end one call; of a base that does nothing but fail, the next news are waited for.
                    for _ in 0..<mostFailures {
                        received = withUnsafeMutablePointer(to: &message) { socket.takeDatagram($0, $0, isLook: false) }
                        if received >= 0 || received == -Int(EAGAIN) { break }
                    }
                    room.pointee.note(message, received)
                    return received
                }
            },
            ending: { _ in nil },
            schedule: { owner in
                let socket = owner.assumingMemoryBound(to: BaseSocket.self)
                guard let indicator = socket.field(\.indicator).pointee, indicator.wantsInput else { return 0 }
                // What was peeked at counts as news until it is received.
                return socket.marks.contains(.news) ? indicator.post() : 0
            }
        )
    )

    private static let mostFailures = 16

    /// How many bytes a look for the stream's end takes out of the transport, at most.
    private static let peeked = 4096
}

extension UnsafeMutablePointer<BaseSocket> {
    /// The indicator that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator(enabled: UInt32 = 0) -> UnsafeMutablePointer<Indicator>? {
        group.lock()
        defer { group.unlock() }
        if let indicator = field(\.indicator).pointee { return indicator }
        let isDatagram = pointee.datagrams != nil
        let actions = isDatagram ? BaseEvents.datagramActions : BaseEvents.actions
        field(\.indicator).pointee = .make(actions, input, pointee.slot, isDatagram: isDatagram, enabled: enabled)
        if field(\.indicator).pointee != nil { mark(.indicates) }
        return field(\.indicator).pointee
    }

    fileprivate func makeAcceptance(enabled: UInt32 = 0) -> UnsafeMutablePointer<AcceptIndicator>? {
        group.lock()
        let first = field(\.acceptance).pointee
        let made = first ?? .make(group, pointee.slot, { BaseAccept.accept($0, $1, $2, $3) }, enabled: enabled)
        field(\.acceptance).pointee = made
        if made != nil { mark(.indicates) }
        group.unlock()
        if first == nil { made?.listen() }
        return made
    }

    private var wanted: UInt32 {
        group.lock()
        defer { group.unlock() }
        return field(\.wanted).pointee
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        let wanted = wanted
        if wanted != 0 { makeIndicator(enabled: wanted)?.schedule() }
    }

    /// The same of a socket that listens. False: no memory.
    func listens() -> Bool {
        let wanted = wanted
        return wanted == 0 || makeAcceptance(enabled: wanted) != nil
    }

    /// There may be something to indicate.
    func indicate() {
        let marks = marks
        if marks.contains(.inspected) { tellInspector() }
        guard !marks.isDisjoint(with: [.indicates, .inspects]) else { return }
        group.lock()
        if !group.isClosing {
            field(\.indicator).pointee?.goOn()
            inspector?.goOn()
        }
        group.unlock()
    }

    /// A receive has completed: what stopped goes on, and the stream's end may have come to the front.
    func resumeIndications() {
        field(\.indicator).pointee?.resume()
        indicate()
    }

    /// The stream's end is this side's doing.
    func stopIndicatedEnd() {
        if marks.contains(.indicates) { field(\.indicator).pointee?.stopEnding() }
    }

    /// Frees what a socket indicates with, once nobody uses it any more.
    func dropIndications() {
        let (indicator, acceptance) = (field(\.indicator).pointee, field(\.acceptance).pointee)
        (field(\.indicator).pointee, field(\.acceptance).pointee) = (nil, nil)
        indicator?.destroy()
        acceptance?.destroy()
        inspector?.destroy()
        field(\.inspector).pointee = nil
    }
}
