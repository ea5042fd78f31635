import CLamina
import CLinux
import Glibc
import LaminaProvider

/// One datagram under way; its bytes follow the struct.
@unsafe struct Letter {
    var next: UnsafeMutablePointer<Letter>?
    let length: Int
    var envelope: Envelope
}

extension UnsafeMutablePointer<Letter> {
    static func make(_ message: UnsafePointer<lamina_message>, _ length: Int, _ envelope: Envelope) -> Self? {
        guard let memory = unsafe malloc(MemoryLayout<Letter>.size + length) else { return nil }
        let letter = unsafe memory.bindMemory(to: Letter.self, capacity: 1)
        unsafe letter.initialize(to: Letter(length: length, envelope: envelope))
        var target = unsafe letter.bytes
        for index in unsafe 0..<Int(message.pointee.buffer_count) {
            guard let buffer = unsafe message.pointee.buffers?[index], let base = unsafe buffer.base else { continue }
            unsafe memcpy(target, base, buffer.length)
            unsafe target += buffer.length
        }
        return unsafe letter
    }

    var bytes: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(self + 1) }

    func discard() {
        unsafe deinitialize(count: 1)
        unsafe free(UnsafeMutableRawPointer(self))
    }
}

/// A datagram socket's part: what has come and wasn't received. It lives on while a sender is at it.
@unsafe struct Mailbox {
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
        guard let memory = unsafe malloc(MemoryLayout<Mailbox>.size) else { return nil }
        let mailbox = unsafe memory.bindMemory(to: Mailbox.self, capacity: 1)
        let group = unsafe mailbox.group
        unsafe mailbox.initialize(
            to: Mailbox(
                group: LaneGroup(Lanes.ofMailboxes, owner: memory),
                input: Lane(group: group),
                state: state,
                room: Int(state.pointee.receiveRoom)
            )
        )
        unsafe group.start()
        return unsafe mailbox
    }

    var group: UnsafeMutablePointer<LaneGroup> { unsafe field(\.group) }

    var input: UnsafeMutablePointer<Lane> { unsafe field(\.input) }

    func retain() { _ = unsafe clinux_add_u32(field(\.references), 1) }

    /// Gives one reference back; the last frees the mailbox with what is in it.
    func release() {
        guard unsafe clinux_add_u32(field(\.references), -1) == 0 else { return }
        while let letter = unsafe take() { unsafe letter.discard() }
        unsafe group.destroy()
        unsafe deinitialize(count: 1)
        unsafe free(UnsafeMutableRawPointer(self))
    }

    /// Fixes the remote address, or, of family 0, none.
    func setRemote(_ remote: Endpoint) {
        unsafe group.lock()
        unsafe pointee.remote = remote
        unsafe group.unlock()
    }

    /// Says where datagrams go that name no destination, or, of family 0, nowhere.
    func setSendTo(_ endpoint: Endpoint) {
        unsafe group.lock()
        unsafe pointee.sendTo = endpoint
        unsafe group.unlock()
    }

    /// What `setSendTo` said.
    var sendTo: Endpoint {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        return unsafe pointee.sendTo
    }

    /// Fixes the remote address, and binds. 0 or a negative errno.
    func connect(to remote: Endpoint) -> Int32 {
        unsafe setRemote(remote)
        return unsafe pointee.state.pointee.isBound || remote.family == AF_UNIX ? 0 : bindSomewhere(toReach: remote)
    }

    /// Gives the socket an address before it first sends. 0 or a negative errno.
    func bindSomewhere(toReach remote: Endpoint) -> Int32 {
        if unsafe pointee.state.pointee.isBound || remote.family == AF_UNIX { return 0 }
        return unsafe pointee.state.bind(remote.source)
    }

    var remote: Endpoint {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        return unsafe pointee.remote
    }

    /// Puts a datagram in, or drops it: the mailbox is full, or takes none from that sender.
    func put(_ letter: UnsafeMutablePointer<Letter>) {
        let cost = unsafe letter.pointee.length + MemoryLayout<Letter>.size
        unsafe group.lock()
        let isWelcome = unsafe pointee.remote.family == 0 || pointee.remote == letter.pointee.envelope.sender
        guard isWelcome, unsafe !group.isClosing, unsafe pointee.bytes + cost <= pointee.room else {
            unsafe group.unlock()
            return unsafe letter.discard()
        }
        if unsafe pointee.state.field(\.packets).wanted.contains(.arrival) {
            unsafe clock_gettime(CLOCK_REALTIME, &letter.pointee.envelope.arrival)
        }
        if let last = unsafe pointee.last { unsafe last.pointee.next = letter } else { unsafe pointee.first = letter }
        unsafe pointee.last = letter
        unsafe pointee.bytes += cost
        unsafe pointee.indicator?.goOn()
        unsafe group.unlock()
        if unsafe !input.isFree { unsafe input.wake() }
    }

    /// The datagram that has waited longest.
    func take() -> UnsafeMutablePointer<Letter>? {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        guard let letter = unsafe pointee.first else { return nil }
        unsafe pointee.first = letter.pointee.next
        if unsafe pointee.first == nil { unsafe pointee.last = nil }
        unsafe pointee.bytes -= letter.pointee.length + MemoryLayout<Letter>.size
        return unsafe letter
    }

    /// Puts a datagram back that was only looked at.
    func putBack(_ letter: UnsafeMutablePointer<Letter>) {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        unsafe letter.pointee.next = pointee.first
        unsafe pointee.first = letter
        if unsafe pointee.last == nil { unsafe pointee.last = letter }
        unsafe pointee.bytes += letter.pointee.length + MemoryLayout<Letter>.size
    }
}
