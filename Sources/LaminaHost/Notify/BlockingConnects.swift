import CLinux
import Glibc

/// Connects of sockets that block, each on a thread of its own, so that the loop does not wait.
final class BlockingConnects {
    private let loop: EventLoop
    private var waiting: [UInt64: (Int32) -> Void] = [:]
    private var last: UInt64 = 0
    private var results: (reading: Int32, writing: Int32) = (-1, -1)

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    deinit {
        if results.reading < 0 { return }
        loop.forget(results.reading)
        close(results.reading)
        // A thread that still waits may write; nobody reads it.
    }

    /// Connects `socket`, which stays the caller's; `ended` runs once, on the loop, with 0 or an errno.
    func connect(_ socket: Int32, to address: Endpoint, ended: @escaping (Int32) -> Void) {
        let status = begin(socket, address, ended)
        if status < 0 { loop.soon { ended(-status) } }
    }

    private func begin(_ socket: Int32, _ address: Endpoint, _ ended: @escaping (Int32) -> Void) -> Int32 {
        if results.reading < 0 {
            let status = open()
            if status < 0 { return status }
        }
        let own = clinux_duplicate_descriptor(socket)
        if own < 0 { return own }
        last += 1
        let status = address.withSocketAddress { clinux_connect_aside(own, $0, $1, results.writing, last) }
        if status < 0 {
            close(own)
            return status
        }
        waiting[last] = ended
        return 0
    }

    private func open() -> Int32 {
        var ends: [Int32] = [-1, -1]
        let status = clinux_socket_pair(&ends)
        if status < 0 { return status }
        results = (ends[0], ends[1])
        do throws(Errno) {
            try loop.watch(results.reading, EventLoop.readable) { [unowned self] _ in hear() }
            return 0
        } catch {
            close(ends[0])
            close(ends[1])
            results = (-1, -1)
            return -error.code
        }
    }

    private func hear() {
        var result = clinux_connected()
        let size = MemoryLayout<clinux_connected>.size
        while clinux_receive(results.reading, &result, size) == size {
            waiting.removeValue(forKey: result.identity)?(Int32(truncatingIfNeeded: -result.result))
        }
    }
}
