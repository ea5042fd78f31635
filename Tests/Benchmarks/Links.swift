import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport

/// One end of a connection.
protocol Link: Sendable {
    /// A connection over loopback: this end, and a function that gives the other one on another thread.
    static func pair() throws -> (near: Self, far: @Sendable () throws -> Self)

    /// Sends all bytes.
    func send(_ bytes: UnsafeRawBufferPointer) throws

    /// Receives at least one byte.
    func receive(into room: UnsafeMutableRawBufferPointer) throws -> Int

    func close()
}

extension Link {
    /// Receives until the room is full.
    func receiveAll(into room: UnsafeMutableRawBufferPointer) throws {
        var count = 0
        while count < room.count {
            count += try receive(into: UnsafeMutableRawBufferPointer(rebasing: room[count...]))
        }
    }
}

/// A socket on a chain of the kernel base alone.
struct LaminaLink: Link {
    private let socket: Socket
    private let waiting: Waiting

    private init(_ socket: Socket) throws {
        try socket.waiting.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
        self.socket = socket
        waiting = socket.waiting
    }

    /// The kernel provider's file.
    static func base() throws -> String { try PackageTree.plugin("libLaminaKernel.so") }

    static func pair() throws -> (near: LaminaLink, far: @Sendable () throws -> LaminaLink) {
        let chain = try Chain(
            layers: [],
            base: LayerSpecification(name: try base()),
            catalog: Catalog(directories: [])
        )
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let near = try chain.connect(to: try listener.waiting.localAddress())
        return (
            try LaminaLink(near),
            {
                defer { listener.close() }
                return try LaminaLink(try listener.waiting.accept())
            }
        )
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws {
        try waiting.send(bytes)
    }

    func receive(into room: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try waiting.receive(into: room)
        guard count > 0 else { throw BenchmarkError("the peer ended the connection") }
        return count
    }

    func close() {
        socket.close()
    }
}

/// What a program does by itself: calls that block.
struct BlockingLink: Link {
    private let descriptor: Int32

    static func pair() throws -> (near: BlockingLink, far: @Sendable () throws -> BlockingLink) {
        let (near, far) = try RawPair.make()
        return (BlockingLink(descriptor: near), { BlockingLink(descriptor: far) })
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { throw RawPair.error("send") }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    func receive(into room: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = recv(descriptor, room.baseAddress, room.count, 0)
        guard count > 0 else { throw RawPair.error("recv") }
        return count
    }

    func close() {
        Glibc.close(descriptor)
    }
}

/// What a program with many sockets does: calls that don't block, and poll where they would.
struct PollingLink: Link {
    private let descriptor: Int32

    static func pair() throws -> (near: PollingLink, far: @Sendable () throws -> PollingLink) {
        let (near, far) = try RawPair.make()
        for descriptor in [near, far] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        return (PollingLink(descriptor: near), { PollingLink(descriptor: far) })
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EAGAIN {
                wait(POLLOUT)
                continue
            }
            guard count > 0 else { throw RawPair.error("send") }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    func receive(into room: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = recv(descriptor, room.baseAddress, room.count, 0)
            if count > 0 { return count }
            guard count < 0, errno == EAGAIN else { throw RawPair.error("recv") }
            wait(POLLIN)
        }
    }

    private func wait(_ events: Int32) {
        var subject = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        poll(&subject, 1, -1)
    }

    func close() {
        Glibc.close(descriptor)
    }
}
