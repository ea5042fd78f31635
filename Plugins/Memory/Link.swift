import CLamina
import CLinux
import Glibc
import LaminaProvider

/// One direction of a connection.
struct Pipe {
    /// The bytes under way.
    var bytes: ByteRing
    /// The writer has ended its direction.
    var isEnded = false
    /// The reader takes no more.
    var isShut = false

    init(capacity: Int) { bytes = ByteRing(capacity: capacity) }
}

/// One end of a connection: its lanes, and what it has been told.
@unsafe struct End {
    var group: LaneGroup
    var input: Lane
    var output: Lane
    /// What ended the connection for this end: -ECONNRESET and the like, or 0.
    var failure: Int32 = 0
    /// The socket that has this end; nil until it was accepted.
    var state: UnsafeMutablePointer<SocketState>?
    /// What this end indicates. Set under the link's lock and the group's, read under either.
    var indicator: UnsafeMutablePointer<Indicator>?
}

/// A connection: two ends and two pipes under one lock. It goes when both ends have.
@unsafe struct Link {
    var mutex = unsafe pthread_mutex_t()
    var references: UInt32 = 2
    var clientName: Endpoint
    var serverName: Endpoint
    var client: End
    var server: End
    /// From the client to the server.
    var request: Pipe
    /// From the server to the client.
    var response: Pipe
    /// Who inspects the connection before it is accepted; guarded by the mutex.
    var inspector: UnsafeMutablePointer<Inspector>?
    /// The next in its listener's queue.
    var next: UnsafeMutablePointer<Link>?
}

/// Which end of a link.
enum Side {
    case client, server

    @inline(__always)
    var other: Side { self == .client ? .server : .client }
}

extension UnsafeMutablePointer<Link> {
    /// A new connection. Nil: no memory.
    static func make(client: Endpoint, server: Endpoint, clientRoom: Int, serverRoom: Int) -> Self? {
        guard let memory = unsafe malloc(MemoryLayout<Link>.size) else { return nil }
        let link = unsafe memory.bindMemory(to: Link.self, capacity: 1)
        let (clientEnd, serverEnd) = unsafe (link.end(.client), link.end(.server))
        unsafe link.initialize(
            to: Link(
                clientName: client,
                serverName: server,
                client: .new(at: clientEnd),
                server: .new(at: serverEnd),
                request: Pipe(capacity: serverRoom),
                response: Pipe(capacity: clientRoom)
            )
        )
        unsafe pthread_mutex_init(&link.pointee.mutex, nil)
        unsafe clientEnd.group.start()
        unsafe serverEnd.group.start()
        return unsafe link
    }

    @inline(__always)
    func end(_ side: Side) -> UnsafeMutablePointer<End> {
        unsafe side == .client
            ? field(\.client)
            : field(\.server)
    }

    /// The pipe that `side` writes.
    @inline(__always)
    func outgoing(_ side: Side) -> UnsafeMutablePointer<Pipe> {
        unsafe side == .client
            ? field(\.request)
            : field(\.response)
    }

    @inline(__always)
    func lock() { unsafe pthread_mutex_lock(field(\.mutex)) }

    @inline(__always)
    func unlock() { unsafe pthread_mutex_unlock(field(\.mutex)) }

    /// Gives one reference back; the last frees the link.
    func release() {
        guard unsafe clinux_add_u32(field(\.references), -1) == 0 else { return }
        unsafe pthread_mutex_destroy(&pointee.mutex)
        unsafe end(.client).group.destroy()
        unsafe end(.server).group.destroy()
        unsafe pointee.request.bytes.discard()
        unsafe pointee.response.bytes.discard()
        unsafe deinitialize(count: 1)
        unsafe free(UnsafeMutableRawPointer(self))
    }

    /// Puts bytes under way: how many, or a negative errno. `wakes`: the other end's receives wait, and the caller must
    /// call `wakeInput` once it has left its own lane, with the reference that it was given.
    @inline(__always)
    func send(_ side: Side, _ buffers: UnsafePointer<lamina_buffer>, _ count: Int, _ wakes: inout Bool) -> Int {
        unsafe lock()
        defer { unsafe unlock() }
        let pipe = unsafe outgoing(side)
        if unsafe end(side).pointee.failure != 0 { return unsafe Int(end(side).pointee.failure) }
        if unsafe pipe.pointee.isEnded || pipe.pointee.isShut { return -Int(EPIPE) }
        guard let moved = unsafe pipe.pointee.bytes.put(buffers, count) else { return -Int(ENOMEM) }
        if moved > 0 { wakes = unsafe retainIfBusy(end(side.other).input, end(side.other).pointee.indicator) }
        return moved
    }

    /// Takes bytes out: how many, 0 at the end of the stream, or a negative errno. `wakes` as for `send`, with
    /// `wakeOutput`.
    @inline(__always)
    func receive(
        _ side: Side,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: Int,
        keeps: Bool,
        _ wakes: inout Bool
    ) -> Int {
        unsafe lock()
        defer { unsafe unlock() }
        let pipe = unsafe outgoing(side.other)
        if unsafe pipe.pointee.bytes.count > 0 {
            let moved = unsafe pipe.pointee.bytes.take(buffers, count, keeps: keeps)
            if moved > 0, !keeps { wakes = unsafe retainIfBusy(end(side.other).output) }
            return moved
        }
        if unsafe end(side).pointee.failure != 0 { return unsafe Int(end(side).pointee.failure) }
        return unsafe pipe.pointee.isEnded || pipe.pointee.isShut ? 0 : -Int(EAGAIN)
    }

    /// A reference for the caller if anything may wait in the lane, or is to be indicated. Under the lock.
    @inline(__always)
    private func retainIfBusy(
        _ lane: UnsafeMutablePointer<Lane>,
        _ indicator: UnsafeMutablePointer<Indicator>? = nil
    ) -> Bool {
        guard unsafe !lane.isFree || indicator != nil else { return false }
        _ = unsafe clinux_add_u32(field(\.references), 1)
        return true
    }

    /// Lets the receives of `side` go on, with the reference that `send` gave.
    func wakeInput(_ side: Side) {
        unsafe wake(side)
        unsafe release()
    }

    /// Lets the sends of `side` go on, with the reference that `receive` gave.
    func wakeOutput(_ side: Side) {
        unsafe end(side).output.wake()
        unsafe release()
    }

    /// Ends directions of `side`, gracefully.
    func shut(_ side: Side, sending: Bool, receiving: Bool) {
        unsafe lock()
        if sending { unsafe outgoing(side).pointee.isEnded = true }
        if receiving {
            unsafe outgoing(side.other).pointee.isShut = true
            unsafe outgoing(side.other).pointee.bytes.discard()
        }
        unsafe unlock()
        unsafe wakeAll()
    }

    /// Resets the connection: both ends fail from now on, and what is under way is lost.
    func reset(by side: Side) {
        unsafe lock()
        unsafe end(side).fail(-ECONNABORTED)
        unsafe end(side.other).fail(-ECONNRESET)
        unsafe pointee.request.bytes.discard()
        unsafe pointee.response.bytes.discard()
        unsafe tellInspector()
        unsafe unlock()
        unsafe wakeAll()
    }

    /// `side` closes: the other end sees the end of the stream, or a reset if data are lost by it.
    func leave(_ side: Side) {
        unsafe lock()
        let incoming = unsafe outgoing(side.other)
        if unsafe incoming.pointee.bytes.count > 0 { unsafe end(side.other).fail(-ECONNRESET) }
        unsafe outgoing(side).pointee.isEnded = true
        unsafe incoming.pointee.isShut = true
        unsafe incoming.pointee.bytes.discard()
        unsafe unlock()
        // What waits at this end is cancelled by its close.
        unsafe wake(side.other)
        unsafe end(side.other).output.wake()
    }

    private func wakeAll() {
        for side in [Side.client, .server] {
            unsafe wake(side)
            unsafe end(side).output.wake()
        }
    }

    /// Lets the receives of `side` go on, and its indications.
    private func wake(_ side: Side) {
        unsafe end(side).input.wake()
        unsafe end(side).group.lock()
        if unsafe !end(side).group.isClosing { unsafe end(side).pointee.indicator?.goOn() }
        unsafe end(side).group.unlock()
    }

    /// Whether there is something to indicate at `side`: bytes or the end of the stream, and whether the stream has ended.
    func news(_ side: Side) -> (hasInput: Bool, hasEnded: Bool) {
        unsafe lock()
        defer { unsafe unlock() }
        let hasEnded = unsafe ending(side) != nil
        return unsafe (hasEnded || outgoing(side.other).pointee.bytes.count > 0, hasEnded)
    }

    /// What the stream to `side` ended with, 0 or a negative errno; nil if it goes on. Under the lock.
    func ending(_ side: Side) -> Int32? {
        if unsafe end(side).pointee.failure != 0 { return unsafe end(side).pointee.failure }
        return unsafe outgoing(side.other).pointee.isEnded ? 0 : nil
    }
}

extension End {
    /// An end that nobody uses yet, for the place where it will stand.
    static func new(at place: UnsafeMutablePointer<End>) -> End {
        unsafe End(
            group: LaneGroup(Lanes.ofEnds, owner: UnsafeMutableRawPointer(place)),
            input: Lane(group: place.group),
            output: Lane(group: place.group)
        )
    }
}

extension UnsafeMutablePointer<End> {
    @inline(__always)
    var group: UnsafeMutablePointer<LaneGroup> { unsafe field(\.group) }

    @inline(__always)
    var input: UnsafeMutablePointer<Lane> { unsafe field(\.input) }

    @inline(__always)
    var output: UnsafeMutablePointer<Lane> { unsafe field(\.output) }

    func fail(_ status: Int32) {
        if unsafe pointee.failure == 0 { unsafe pointee.failure = status }
    }
}
