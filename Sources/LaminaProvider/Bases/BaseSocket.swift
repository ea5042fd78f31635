import CLamina
import CLinux
import Glibc

/// One socket of a base in Swift, in raw memory behind its slot's context, with the base's own state behind it.
struct BaseSocket {
    /// What the socket is, and what has happened to it: bits that only come, but for `connecting`,
    /// `begun`, `news`, and a datagram socket's `connected`.
    struct Marks: OptionSet {
        let rawValue: UInt32
        /// A connect is under way.
        static let connecting = Marks(rawValue: 1)
        /// It has a peer; of a datagram socket, a fixed remote address.
        static let connected = Marks(rawValue: 2)
        static let listening = Marks(rawValue: 4)
        static let bound = Marks(rawValue: 8)
        /// A connect was given up while it was under way.
        static let abandoned = Marks(rawValue: 16)
        /// This side has ended what it sends, or what it receives.
        static let sendingEnded = Marks(rawValue: 32)
        static let receivingEnded = Marks(rawValue: 64)
        /// This side has reset the connection.
        static let reset = Marks(rawValue: 128)
        /// It has an `indicator` or an `acceptance`.
        static let indicates = Marks(rawValue: 256)
        /// The transport may have something that nobody has looked for.
        static let news = Marks(rawValue: 512)
        /// The base has begun to connect, and isn't done.
        static let begun = Marks(rawValue: 1024)
        /// Connections are inspected from the listen on.
        static let inspects = Marks(rawValue: 2048)
        /// It is a connection that was inspected, and that no accept has taken.
        static let inspected = Marks(rawValue: 4096)
        /// Something is kept in `kept`.
        static let keeps = Marks(rawValue: 8192)
    }

    let type: UnsafePointer<BaseType>
    /// The level's value.
    let value: UnsafeMutableRawPointer
    var slot: UnsafeMutablePointer<lamina_slot>
    let family: Int32
    /// Of a datagram socket, what it has beside the others.
    let datagrams: UnsafeMutablePointer<DatagramPart>?
    fileprivate var marks: UInt32 = 0
    var group: LaneGroup
    /// Receives and accepts.
    var input: Lane
    /// Connects, sends and graceful disconnects.
    var output: Lane
    /// What was peeked at of a stream. Inside the input lane.
    var kept = KeptBytes()
    /// Where it was connected to. Written inside the output lane before `connected` is marked.
    var peer = lamina_address()
    /// Indications that are wanted once it is connected or listens. Guarded by the group's lock, as what follows.
    var wanted: UInt32 = 0
    var indicator: UnsafeMutablePointer<Indicator>?
    var acceptance: UnsafeMutablePointer<AcceptIndicator>?
    /// Of a listener whose connections are inspected.
    var inspector: UnsafeMutablePointer<Inspector>?
    /// Whoever inspects it, until an accept takes it. Guarded by the group's lock.
    var watcher: UnsafeMutablePointer<Inspector>?
    /// The inspection that it came from; serial 0: none.
    var inspection = lamina_inspect_id()
    let waker: Unmanaged<SocketWaker>
    /// The close that waits, and what ends it.
    var end:
        (
            request: UnsafeMutablePointer<lamina_request>,
            conclude: (UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>) -> Void
        )?
}

extension UnsafeMutablePointer<lamina_slot> {
    /// The socket of a base's slot.
    @inline(__always)
    var base: UnsafeMutablePointer<BaseSocket>? { pointee.context?.assumingMemoryBound(to: BaseSocket.self) }
}

extension UnsafeMutablePointer<BaseSocket> {
    /// Memory for a socket of the level that a slot belongs to, without a state as yet. Nil: no memory.
    static func make(_ slot: UnsafeMutablePointer<lamina_slot>, family: Int32, isDatagram: Bool = false) -> Self? {
        guard let level = Part(levelOf: slot) else { return nil }
        let type = level.base
        let datagrams = isDatagram ? UnsafeMutablePointer<DatagramPart>.make() : nil
        var block: UnsafeMutableRawPointer?
        guard isDatagram == (datagrams != nil),
            posix_memalign(&block, type.pointee.alignment, type.pointee.size) == 0, let block
        else {
            datagrams?.destroy()
            return nil
        }
        let socket = block.bindMemory(to: BaseSocket.self, capacity: 1)
        socket.initialize(
            to: BaseSocket(
                type: type,
                value: level.valueMemory,
                slot: slot,
                family: family,
                datagrams: datagrams,
                group: LaneGroup(BaseLanes.actions, owner: block),
                input: Lane(group: socket.group),
                output: Lane(group: socket.group),
                waker: Unmanaged.passRetained(SocketWaker())
            )
        )
        socket.mark(.news)
        socket.group.start()
        socket.waker.begin(socket)
        return socket
    }

    var group: UnsafeMutablePointer<LaneGroup> { field(\.group) }
    var input: UnsafeMutablePointer<Lane> { field(\.input) }
    var output: UnsafeMutablePointer<Lane> { field(\.output) }
    var waker: SocketWaker { pointee.waker.takeUnretainedValue() }
    var own: BaseConformances { unsafeAddress { UnsafePointer(pointee.type).pointer(to: \.own).unsafelyUnwrapped } }

    /// The level's value.
    func value<B: Base & ~Copyable>(_ type: B.Type) -> UnsafeMutablePointer<B> {
        pointee.value.assumingMemoryBound(to: B.self)
    }

    /// The base's state.
    func state<B: Base & ~Copyable>(of type: B.Type) -> UnsafeMutablePointer<B.State> {
        (UnsafeMutableRawPointer(self) + pointee.type.pointee.stateOffset).assumingMemoryBound(to: B.State.self)
    }

    // MARK: - Marks

    /// Marks it; true where it wasn't so marked.
    @discardableResult
    func mark(_ marks: BaseSocket.Marks) -> Bool {
        clinux_set_bits_u32(field(\.marks), marks.rawValue) & marks.rawValue == 0
    }

    func unmark(_ marks: BaseSocket.Marks) { _ = clinux_clear_bits_u32(field(\.marks), marks.rawValue) }

    @inline(__always)
    var marks: BaseSocket.Marks { BaseSocket.Marks(rawValue: clinux_load_u32(field(\.marks))) }

    /// The transport may have something.
    func hasNews() { mark(.news) }

    // MARK: - The end

    /// Frees a socket whose state was never made.
    func discard() {
        waker.end()
        free()
    }

    /// Ends a socket that nobody uses any more, with its state.
    func destroy() {
        waker.end()
        dropIndications()
        pointee.type.pointee.type.end(self)
        free()
    }

    private func free() {
        pointee.waker.release()
        field(\.kept).pointee.discard()
        pointee.datagrams?.destroy()
        group.destroy()
        deinitialize(count: 1)
        Glibc.free(UnsafeMutableRawPointer(self))
    }
}

extension Base where Self: ~Copyable {
    /// Makes a socket's state.
    static func begin(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ slot: UnsafeMutablePointer<lamina_slot>
    ) throws(Failure) {
        let state = try socket.value(Self.self).pointee.makeState(Socket(slot), socket.waker)
        socket.state(of: Self.self).initialize(to: state)
    }

    fileprivate static func end(_ socket: UnsafeMutablePointer<BaseSocket>) {
        socket.state(of: Self.self).deinitialize(count: 1)
    }
}

/// Bytes that were received, and stay for the next receive: what a peek saw.
struct KeptBytes {
    private var memory: UnsafeMutableRawPointer?
    private var start = 0
    private(set) var count = 0

    /// Room for so many bytes behind those that are here. Nil: no memory.
    mutating func room(_ length: Int) -> lamina_buffer? {
        if start > 0, let memory { memmove(memory, memory + start, count) }
        start = 0
        guard let memory = realloc(memory, max(count + length, 1)) else { return nil }
        self.memory = memory
        return lamina_buffer(base: memory + count, length: length)
    }

    /// So many bytes came into that room.
    mutating func add(_ length: Int) { count += length }

    /// Moves bytes into buffers; `keeps` leaves them here as well.
    mutating func take(_ buffers: UnsafePointer<lamina_buffer>, _ number: Int, keeps: Bool) -> Int {
        guard let memory, count > 0 else { return 0 }
        let moved = scatter(memory + start, count, over: buffers, number)
        guard !keeps else { return moved }
        (start, count) = (start + moved, count - moved)
        if count == 0 { discard() }
        return moved
    }

    mutating func discard() {
        free(memory)
        (memory, start, count) = (nil, 0, 0)
    }
}
