import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("A connection that somebody else made, taken over by the kernel base")
struct TakenOverTests {
    private static let (level, option) = (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_DESCRIPTOR))
    private let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    /// A connected socket of this process's own, and its other end.
    private func pair() throws -> (mine: Int32, other: Int32) {
        let (listener, port) = try Loopback.listening()
        defer { close(listener) }
        let mine = socket(AF_INET, stream, 0)
        var there = sockaddr_in()
        there.sin_family = sa_family_t(AF_INET)
        there.sin_port = port.bigEndian
        there.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let status = withUnsafePointer(to: there) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(mine, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        return (mine, try #require(Loopback.accept(listener)))
    }

    private func refusal(_ socket: Socket, _ descriptor: Int32) -> Int32? {
        #expect(throws: LaminaError.self) {
            try socket.waiting.setOption(Self.level, Self.option, to: descriptor)
        }?.errno
    }

    @Test("A socket of any family goes on with a connected descriptor as if it had connected")
    func takesOver() throws {
        let socket = try BaseProvider.kernel.chain().open(.connection(AF_UNSPEC))
        let (mine, other) = try pair()
        defer { close(other) }
        try socket.waiting.setOption(Self.level, Self.option, to: mine)
        #expect(try socket.waiting.descriptor() == mine)
        #expect(fcntl(mine, F_GETFL) & O_NONBLOCK != 0)
        try socket.waiting.send(Array("there".utf8))
        var room = [UInt8](repeating: 0, count: 5)
        #expect(recv(other, &room, 5, Int32(MSG_WAITALL)) == 5 && room == Array("there".utf8))
        #expect(send(other, "back", 4, 0) == 4)
        #expect(try socket.waiting.receive(upTo: 4, all: true, deadline: soon()) == Array("back".utf8))
        #expect(try socket.waiting.remoteAddress().port != nil)
        #expect(refusal(socket, other) == EISCONN)
        try socket.waiting.close()
        // The descriptor was the socket's.
        #expect(recv(other, &room, 1, 0) == 0)
    }

    @Test("What isn't connected, isn't a stream or comes too late stays its owner's")
    func refuses() throws {
        let chain = try BaseProvider.kernel.chain()
        let (mine, other) = try pair()
        let alone = Glibc.socket(AF_INET, stream, 0)
        let datagram = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { for descriptor in [mine, other, alone, datagram] { close(descriptor) } }
        let any = try chain.open(.connection(AF_UNSPEC))
        #expect(refusal(any, alone) == ENOTCONN)
        #expect(refusal(any, datagram) == EPROTOTYPE)
        #expect(refusal(any, -1) == EBADF)
        let four = try chain.open(.connection(AF_INET))
        #expect(refusal(four, mine) == EISCONN)
        #expect(fcntl(mine, F_GETFL) & O_NONBLOCK == 0)
        for socket in [any, four] { try socket.waiting.close() }
    }
}
