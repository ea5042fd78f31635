import CLamina
import CLinux
import Glibc

/// What stands on loopback for one name server of a program's own resolver: datagrams and connections that the program
/// sends there end here, and the chain answers them.
final class NameServer {
    /// Answers a question of a process's with the bytes of a response, once; `limit`: how many it may have.
    typealias Answer = (
        _ query: NameQuery, _ asker: pid_t, _ limit: Int, _ respond: @escaping ([UInt8]) -> Void
    ) -> Void

    /// The server that it stands for.
    let original: Endpoint
    /// Where datagrams and connections are sent instead.
    let datagrams: Endpoint
    let connections: Endpoint
    /// The process that was last sent here, which a question is taken to be of.
    var asker: pid_t = 0

    private let socket: Int32
    private let listener: Int32
    private let loop: EventLoop
    private let answer: Answer
    private var streams: [Int32: [UInt8]] = [:]

    /// Listens at `host`, which is an address of loopback.
    init(for original: Endpoint, at host: Endpoint, _ loop: EventLoop, answer: @escaping Answer) throws(Errno) {
        self.original = original
        self.loop = loop
        self.answer = answer
        socket = try Self.bound(host, Int32(CLINUX_DATAGRAM))
        do throws(Errno) {
            listener = try Self.bound(host, Int32(CLINUX_STREAM))
        } catch {
            close(socket)
            throw error
        }
        guard let datagrams = Endpoint.name(of: socket, getsockname),
            let connections = Endpoint.name(of: listener, getsockname), listen(listener, SOMAXCONN) == 0
        else {
            let error = Errno.last
            close(socket)
            close(listener)
            throw error
        }
        (self.datagrams, self.connections) = (datagrams, connections)
        try loop.watch(socket, EventLoop.readable) { [unowned self] _ in receive() }
        try loop.accept(from: listener) { [unowned self] stream, _ in admit(stream) }
    }

    deinit {
        for descriptor in [socket, listener] + streams.keys {
            loop.forget(descriptor)
            close(descriptor)
        }
    }

    private static func bound(_ host: Endpoint, _ type: Int32) throws(Errno) -> Int32 {
        let descriptor = clinux_socket(host.family, type)
        if descriptor < 0 { throw Errno(-descriptor) }
        if host.withSocketAddress({ bind(descriptor, $0, $1) }) == 0 { return descriptor }
        let error = Errno.last
        close(descriptor)
        throw error
    }

    // MARK: - Datagrams

    private func receive() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var peer = sockaddr_storage()
        while true {
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let found = withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> (Int, Endpoint?) in
                    let count = recvfrom(socket, &bytes, bytes.count, 0, address, &length)
                    return (count, count < 0 ? nil : Endpoint(address, length: length))
                }
            }
            guard found.0 >= 0 else { return }
            guard let from = found.1, let query = NameQuery(Array(bytes[..<found.0])) else { continue }
            answer(query, asker, query.limit) { [weak self] response in
                guard let self else { return }
                _ = from.withSocketAddress { sendto(socket, response, response.count, 0, $0, $1) }
            }
        }
    }

    // MARK: - Connections

    private func admit(_ stream: Int32) {
        streams[stream] = []
        do throws(Errno) {
            try loop.watch(stream, EventLoop.readable) { [unowned self] _ in hear(stream) }
        } catch {
            end(stream)
        }
    }

    private func hear(_ stream: Int32) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = clinux_receive(stream, &bytes, bytes.count)
        if count == -EAGAIN || count == -EINTR { return }
        guard count > 0, var waiting = streams[stream] else { return end(stream) }
        waiting += bytes[..<count]
        // Each message has its length before it.
        while waiting.count >= 2 {
            let length = Int(waiting[0]) << 8 | Int(waiting[1])
            guard waiting.count >= 2 + length else { break }
            guard let query = NameQuery(Array(waiting[2..<2 + length])) else { return end(stream) }
            waiting.removeFirst(2 + length)
            answer(query, asker, Int(UInt16.max)) { [weak self] response in self?.send(response, to: stream) }
        }
        if streams[stream] != nil { streams[stream] = waiting }
    }

    private func send(_ response: [UInt8], to stream: Int32) {
        guard streams[stream] != nil else { return }
        let message = [UInt8(response.count >> 8), UInt8(response.count & 0xff)] + response
        // A resolver that doesn't take one answer wants none.
        if clinux_send(stream, message, message.count) != message.count { end(stream) }
    }

    private func end(_ stream: Int32) {
        guard streams.removeValue(forKey: stream) != nil else { return }
        loop.forget(stream)
        close(stream)
    }
}
