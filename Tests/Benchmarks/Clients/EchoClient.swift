import CLinux
import Glibc

/// One thread with a message under way on each of its connections.
final class EchoClient {
    private let descriptors: [Int32]
    private let poll: Int32
    private let message = UnsafeMutableRawBufferPointer.allocate(byteCount: Service.messageSize, alignment: 64)

    init(port: UInt16, count: Int) throws {
        message.initializeMemory(as: UInt8.self, repeating: 7)
        poll = clinux_epoll_create()
        descriptors = try (0..<count).map { _ in try RawPair.connect(to: port) }
        for (index, descriptor) in descriptors.enumerated() {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = clinux_epoll_add(poll, descriptor, UInt32(clinux_epoll_in), UInt64(index))
        }
    }

    /// Trips a second, there and back, where each connection makes `trips`.
    func run(_ trips: Int) throws -> Double {
        var rest = [Int](repeating: trips, count: descriptors.count)
        var left = trips * descriptors.count
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 256)
        let begin = clinux_monotonic()
        for descriptor in descriptors { try sendMessage(descriptor) }
        while left > 0 {
            let count = clinux_epoll_wait(poll, &events, 256, 20_000)
            guard count > 0 else { throw BenchmarkError("nothing comes back any more") }
            for event in events.prefix(Int(count)) {
                let index = Int(event.identity)
                guard recv(descriptors[index], message.baseAddress, message.count, 0) == message.count else {
                    throw RawPair.error("recv")
                }
                left -= 1
                rest[index] -= 1
                if rest[index] > 0 { try sendMessage(descriptors[index]) }
            }
        }
        return Double(trips * descriptors.count) * 1e9 / Double(clinux_monotonic() - begin)
    }

    private func sendMessage(_ descriptor: Int32) throws {
        guard send(descriptor, message.baseAddress, message.count, 0) == message.count else {
            throw RawPair.error("send")
        }
    }

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
        Glibc.close(poll)
        message.deallocate()
    }
}
