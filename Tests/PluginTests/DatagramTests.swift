import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Datagrams of the base providers", .serialized)
struct DatagramTests {
    private func bound(_ chain: Chain, _ address: Address = Address(host: "127.0.0.1", port: 0)) throws -> Socket {
        let socket = try chain.open(.datagram(address.family ?? AF_INET))
        try socket.waiting.bind(to: address)
        return socket
    }

    @Test("Datagrams keep their bounds and their order and tell their sender", arguments: BaseProvider.allCases)
    func bounds(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let target = try two.waiting.localAddress()
        for length in [3, 0, 5] { try one.waiting.send([UInt8](repeating: UInt8(length), count: length), to: target) }
        for length in [3, 0, 5] {
            let datagram = try two.waiting.receiveDatagram(deadline: soon())
            #expect(datagram.bytes == [UInt8](repeating: UInt8(length), count: length))
            #expect(try datagram.sender == one.waiting.localAddress())
            #expect(!datagram.isTruncated)
        }
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A datagram that doesn't fit is cut, and says so", arguments: BaseProvider.allCases)
    func truncated(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        try one.waiting.send([1, 2, 3, 4], to: try two.waiting.localAddress())
        try one.waiting.send([5], to: try two.waiting.localAddress())
        let cut = try two.waiting.receiveDatagram(upTo: 3, deadline: soon())
        #expect(cut.bytes == [1, 2, 3] && cut.isTruncated)
        #expect(try two.waiting.receiveDatagram(upTo: 3, deadline: soon()).bytes == [5])
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A fixed remote needs no address, and keeps others out", arguments: BaseProvider.allCases)
    func connected(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two, stranger) = (try bound(chain), try bound(chain), try bound(chain))
        try two.waiting.connect(to: try one.waiting.localAddress())
        #expect(try two.waiting.remoteAddress() == one.waiting.localAddress())
        try stranger.waiting.send([66], to: try two.waiting.localAddress())
        try one.waiting.send([1], to: try two.waiting.localAddress())
        #expect(try two.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        try two.waiting.send([2], to: nil)
        #expect(try one.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        let lost = #expect(throws: LaminaError.self) { try one.waiting.send([3], to: nil) }
        #expect(lost?.errno == EDESTADDRREQ)
        for socket in [one, two, stranger] { try socket.waiting.close() }
    }

    @Test("A receive that waits gets the next datagram; a deadline ends it", arguments: BaseProvider.allCases)
    func waits(base: BaseProvider) async throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let expired = #expect(throws: LaminaError.self) {
            try two.waiting.receiveDatagram(deadline: Deadline.after(seconds: 0.02))
        }
        #expect(expired?.code == .timedOut)
        async let first = two.receiveDatagram()
        try one.waiting.send([7], to: try two.waiting.localAddress())
        #expect(try await first.bytes == [7])
        for socket in [one, two] { try await socket.closed() }
    }

    @Test("Unix datagram sockets reach each other by name", arguments: BaseProvider.allCases)
    func unix(base: BaseProvider) throws {
        let directory = try TemporaryDirectory()
        let chain = try base.chain()
        let one = try bound(chain, Address(unix: "\(directory.path)/one"))
        let two = try bound(chain, Address(unix: "\(directory.path)/two"))
        try one.waiting.send([1, 2], to: Address(unix: "\(directory.path)/two"))
        let datagram = try two.waiting.receiveDatagram(deadline: soon())
        #expect(datagram.bytes == [1, 2] && datagram.sender == Address(unix: "\(directory.path)/one"))
        for socket in [one, two] { try socket.waiting.close() }
    }
}
