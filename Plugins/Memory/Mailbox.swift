import CLamina
import CLinux
import Glibc
import LaminaProvider

/// One datagram under way; its bytes follow the struct.
struct Letter {
    var next: UnsafeMutablePointer<Letter>?
    let length: Int
    var envelope: Envelope
}

extension UnsafeMutablePointer<Letter> {
    static func make(_ message: UnsafePointer<lamina_message>, _ length: Int, _ envelope: Envelope) -> Self? {
        guard let memory = malloc(MemoryLayout<Letter>.size + length) else { return nil }
        let letter = memory.bindMemory(to: Letter.self, capacity: 1)
        letter.initialize(to: Letter(length: length, envelope: envelope))
        var target = letter.bytes
        for index in 0..<Int(message.pointee.buffer_count) {
            guard let buffer = message.pointee.buffers?[index], let base = buffer.base else { continue }
            memcpy(target, base, buffer.length)
            target += buffer.length
        }
        return letter
    }

    var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self + 1) }

    func discard() {
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }
}

/// A datagram socket's part: what has come and wasn't received. It lives on while a sender is at it.
struct Mailbox {
    var group: LaneGroup
    var input: Lane
    let state: UnsafeMutablePointer<SocketState>
    var references: UInt32 = 1
    /// The rest is guarded by the group's lock. The only one that it takes datagrams from; family 0 for anyone.
    var remote = Endpoint(family: 0)
    /// Where datagrams go that name no destination, before `remote`; family 0 for nowhere.
    var sendTo = Endpoint(family: 0)
    var first: UnsafeMutablePointer<Letter>?
    var last: UnsafeMutablePointer<Letter>?
    /// Bytes that wait, with what each datagram costs besides.
    var bytes = 0
    var room: Int
    /// What the socket indicates.
    var indicator: UnsafeMutablePointer<Indicator>?
}

extension UnsafeMutablePointer<Mailbox> {
    /// An empty mailbox. Nil: no memory.
    static func make(_ state: UnsafeMutablePointer<SocketState>) -> Self? {
        guard let memory = malloc(MemoryLayout<Mailbox>.size) else { return nil }
        let mailbox = memory.bindMemory(to: Mailbox.self, capacity: 1)
        let group = mailbox.group
        mailbox.initialize(
            to: Mailbox(
                group: LaneGroup(Lanes.ofMailboxes, owner: memory),
                input: Lane(group: group),
                state: state,
                room: Int(state.pointee.receiveRoom)
            )
        )
        group.start()
        return mailbox
    }

    var group: UnsafeMutablePointer<LaneGroup> { field(\.group) }

    var input: UnsafeMutablePointer<Lane> { field(\.input) }

    func retain() { _ = clinux_add_u32(field(\.references), 1) }

    /// Gives one reference back; the last frees the mailbox with what is in it.
    func release() {
        guard clinux_add_u32(field(\.references), -1) == 0 else { return }
        while let letter = take() { letter.discard() }
        group.destroy()
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }

    /// Fixes the remote address, or, of family 0, none.
    func setRemote(_ remote: Endpoint) {
        group.lock()
        pointee.remote = remote
        group.unlock()
    }

    /// Says where datagrams go that name no destination, or, of family 0, nowhere.
    func setSendTo(_ endpoint: Endpoint) {
        group.lock()
        pointee.sendTo = endpoint
        group.unlock()
    }

    /// What `setSendTo` said.
    var sendTo: Endpoint {
        group.lock()
        defer { group.unlock() }
        return pointee.sendTo
    }

    /// Fixes the remote address, and binds. 0 or a negative errno.
    func connect(to remote: Endpoint) -> Int32 {
        setRemote(remote)
        return pointee.state.pointee.isBound || remote.family == AF_UNIX ? 0 : bindSomewhere(toReach: remote)
    }

    /// Gives the socket an address before it first sends. 0 or a negative errno.
    func bindSomewhere(toReach remote: Endpoint) -> Int32 {
        if pointee.state.pointee.isBound || remote.family == AF_UNIX { return 0 }
        return pointee.state.bind(remote.source)
    }

    var remote: Endpoint {
        group.lock()
        defer { group.unlock() }
        return pointee.remote
    }

    /// Puts a datagram in, or drops it: the mailbox is full, or takes none from that sender.
    func put(_ letter: UnsafeMutablePointer<Letter>) {
        let cost = letter.pointee.length + MemoryLayout<Letter>.size
        group.lock()
        let isWelcome = pointee.remote.family == 0 || pointee.remote == letter.pointee.envelope.sender
        guard isWelcome, !group.isClosing, pointee.bytes + cost <= pointee.room else {
            group.unlock()
            return letter.discard()
        }
        if pointee.state.field(\.packets).wanted.contains(.arrival) {
            clock_gettime(CLOCK_REALTIME, &letter.pointee.envelope.arrival)
        }
        if let last = pointee.last { last.pointee.next = letter } else { pointee.first = letter }
        pointee.last = letter
        pointee.bytes += cost
        pointee.indicator?.goOn()
        group.unlock()
        if !input.isFree { input.wake() }
    }

    /// The datagram that has waited longest.
    func take() -> UnsafeMutablePointer<Letter>? {
        group.lock()
        defer { group.unlock() }
        guard let letter = pointee.first else { return nil }
        pointee.first = letter.pointee.next
        if pointee.first == nil { pointee.last = nil }
        pointee.bytes -= letter.pointee.length + MemoryLayout<Letter>.size
        return letter
    }

    /// Puts a datagram back that was only looked at.
    func putBack(_ letter: UnsafeMutablePointer<Letter>) {
        group.lock()
        defer { group.unlock() }
        letter.pointee.next = pointee.first
        pointee.first = letter
        if pointee.last == nil { pointee.last = letter }
        pointee.bytes += letter.pointee.length + MemoryLayout<Letter>.size
    }
}
