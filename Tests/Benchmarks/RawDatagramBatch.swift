import CLamina
import CLinux
import Glibc

/// Room for datagrams that one system call sends or receives.
final class RawDatagramBatch {
    private let count: Int
    private let messages: UnsafeMutablePointer<clinux_message>
    private let vectors: UnsafeMutablePointer<iovec>
    private let addresses: UnsafeMutablePointer<sockaddr_storage>
    private let bytes: UnsafeMutableRawPointer
    private static let size = 2048

    init(_ count: Int) {
        self.count = count
        messages = .allocate(capacity: count)
        vectors = .allocate(capacity: count)
        addresses = .allocate(capacity: count)
        bytes = .allocate(byteCount: count * Self.size, alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: count * Self.size)
        addresses.initialize(repeating: sockaddr_storage(), count: count)
        for index in 0..<count {
            (vectors + index).initialize(to: iovec(iov_base: bytes + index * Self.size, iov_len: Self.size))
            (messages + index).initialize(to: clinux_message())
            messages[index].header.msg_iov = vectors + index
            messages[index].header.msg_iovlen = 1
        }
    }

    deinit {
        messages.deallocate()
        vectors.deallocate()
        addresses.deallocate()
        bytes.deallocate()
    }

    /// Sends back what is there, to whoever sent it.
    func echo(_ descriptor: Int32) {
        while true {
            for index in 0..<count {
                vectors[index].iov_len = Self.size
                messages[index].header.msg_name = UnsafeMutableRawPointer(addresses + index)
                messages[index].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
            }
            let received = clinux_raw_receive_messages(descriptor, messages, UInt32(count), 0)
            guard received > 0 else { return }
            for index in 0..<Int(received) { vectors[index].iov_len = Int(messages[index].length) }
            _ = clinux_raw_send_messages(descriptor, messages, UInt32(received), Int32(MSG_NOSIGNAL))
            if received < count { return }
        }
    }

    /// Sends as many datagrams as there is room for where the socket is connected to, `size` bytes each.
    func sendAll(_ descriptor: Int32, size: Int) throws {
        for index in 0..<count { vectors[index].iov_len = size }
        let sent = clinux_raw_send_messages(descriptor, messages, UInt32(count), Int32(MSG_NOSIGNAL))
        guard sent == count else { throw BenchmarkError("sendmmsg: \(sent) of \(count) datagrams") }
    }

    /// Waits for at least one datagram, and answers how many there were.
    func receiveSome(_ descriptor: Int32) throws -> Int {
        for index in 0..<count { vectors[index].iov_len = Self.size }
        let received = clinux_raw_receive_messages(descriptor, messages, UInt32(count), Int32(MSG_WAITFORONE))
        guard received > 0 else { throw BenchmarkError("a datagram was lost") }
        return Int(received)
    }
}
