import CLamina
import CLinux
import Glibc
import Lamina
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

    @Test("Many datagrams travel by one call", arguments: BaseProvider.allCases)
    func many(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        var target = try two.waiting.localAddress().c
        var bytes: [UInt8] = Array(0..<40)
        var request = lamina_request()
        let sent = bytes.withUnsafeMutableBytes { bytes -> lamina_status in
            var buffers = (0..<40).map { lamina_buffer(base: bytes.baseAddress, length: $0) }
            return buffers.withUnsafeMutableBufferPointer { buffers in
                withUnsafeMutablePointer(to: &target) { target in
                    var messages = (0..<40).map { index in
                        var message = lamina_message()
                        message.buffers = buffers.baseAddress.map { UnsafePointer($0 + index) }
                        message.buffer_count = 1
                        message.address = target
                        return message
                    }
                    lamina_request_prepare(&request, nil, nil)
                    request.flags = UInt32(LAMINA_REQUEST_TRY)
                    let status = lamina_socket_send_messages(one.handle, &messages, 40, 0, &request)
                    #expect(messages.map(\.bytes) == (0..<40).map { UInt64($0) })
                    return status
                }
            }
        }
        #expect(sent == 0 && request.bytes == (0..<40).reduce(0, +))
        var room = [UInt8](repeating: 0, count: 64 * 64)
        room.withUnsafeMutableBytes { room in
            var buffers = (0..<64).map { index in
                lamina_buffer(base: room.baseAddress.map { $0 + 64 * index }, length: 64)
            }
            buffers.withUnsafeMutableBufferPointer { buffers in
                var messages = (0..<64).map { index in
                    var message = lamina_message()
                    message.buffers = buffers.baseAddress.map { UnsafePointer($0 + index) }
                    message.buffer_count = 1
                    return message
                }
                lamina_request_prepare(&request, nil, nil)
                request.flags = UInt32(LAMINA_REQUEST_TRY)
                #expect(lamina_socket_receive_messages(two.handle, &messages, 64, 0, &request) == 0)
                #expect(request.bytes == 40)
                #expect(messages.prefix(40).map(\.bytes) == (0..<40).map { UInt64($0) })
            }
        }
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("Unix datagram sockets reach each other by name", arguments: BaseProvider.allCases)
    func unix(base: BaseProvider) throws {
        let directory = try SocketDirectory()
        let chain = try base.chain()
        let one = try bound(chain, Address(unix: directory.path("one")))
        let two = try bound(chain, Address(unix: directory.path("two")))
        try one.waiting.send([1, 2], to: Address(unix: directory.path("two")))
        let datagram = try two.waiting.receiveDatagram(deadline: soon())
        #expect(datagram.bytes == [1, 2] && datagram.sender == Address(unix: directory.path("one")))
        for socket in [one, two] { try socket.waiting.close() }
    }
}
