import CLinux
import Glibc

/// Datagrams there and back, so many under way at once that none finds a socket full.
final class DatagramClient {
    private let descriptor: Int32
    private let batch = RawDatagramBatch(Service.batch)

    init(port: UInt16) throws {
        descriptor = try RawPair.connect(to: port, Int32(SOCK_DGRAM.rawValue))
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Datagrams a second, there and back, in so many batches.
    func run(_ batches: Int) throws -> Double {
        let begin = clinux_monotonic()
        for _ in 0..<batches {
            try batch.sendAll(descriptor, size: Service.messageSize)
            var left = Service.batch
            while left > 0 { left -= try batch.receiveSome(descriptor) }
        }
        return Double(batches * Service.batch) * 1e9 / Double(clinux_monotonic() - begin)
    }

    func close() {
        Glibc.close(descriptor)
    }
}
