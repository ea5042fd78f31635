import CLinux
import Glibc

/// One connection that much goes through, by calls that block.
final class TransferClient {
    private let descriptor: Int32
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Service.blockSize, alignment: 64)

    init(port: UInt16) throws {
        descriptor = try RawPair.connect(to: port)
        room.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Megabytes a second into the server.
    func send(_ bytes: Int) throws -> Double {
        let begin = clinux_monotonic()
        try sendCount(bytes)
        room.storeBytes(of: 0, as: Int.self)
        var rest = bytes
        while rest > 0 {
            let count = Glibc.send(descriptor, room.baseAddress, min(rest, room.count), 0)
            guard count > 0 else { throw RawPair.error("send") }
            rest -= count
        }
        guard recv(descriptor, room.baseAddress, 1, 0) == 1 else { throw RawPair.error("recv") }
        return Double(bytes) * 1000 / Double(clinux_monotonic() - begin)
    }

    /// Megabytes a second out of the server.
    func receive(_ bytes: Int) throws -> Double {
        let begin = clinux_monotonic()
        try sendCount(bytes)
        var rest = bytes
        while rest > 0 {
            let count = recv(descriptor, room.baseAddress, room.count, 0)
            guard count > 0 else { throw RawPair.error("recv") }
            rest -= count
        }
        return Double(bytes) * 1000 / Double(clinux_monotonic() - begin)
    }

    private func sendCount(_ bytes: Int) throws {
        room.storeBytes(of: bytes, as: Int.self)
        guard Glibc.send(descriptor, room.baseAddress, Service.headSize, 0) == Service.headSize else {
            throw RawPair.error("send")
        }
    }

    func close() {
        Glibc.close(descriptor)
        room.deallocate()
    }
}

/// Connections one after another, each for one message there and back.
enum ConnectClient {
    /// Connections a second.
    static func run(port: UInt16, _ count: Int) throws -> Double {
        var message = [UInt8](repeating: 7, count: Service.messageSize)
        let begin = clinux_monotonic()
        for _ in 0..<count {
            let descriptor = try RawPair.connect(to: port)
            defer { close(descriptor) }
            guard send(descriptor, message, message.count, 0) == message.count,
                recv(descriptor, &message, message.count, 0) == message.count
            else { throw RawPair.error("a message there and back") }
        }
        return Double(count) * 1e9 / Double(clinux_monotonic() - begin)
    }
}
