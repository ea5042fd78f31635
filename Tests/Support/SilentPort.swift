import CLamina
import CLinux
import Glibc
import Lamina

/// A loopback port that no server answers at.
public final class SilentPort {
    /// Its number.
    public let port: Int
    private var listener: Int32
    private var clients: [Int32] = []

    /// `refuses`: connects are refused; else they are left unanswered, because the queue is full.
    public init(refuses: Bool) throws {
        let bound: UInt16
        (listener, bound) = try Loopback.bound()
        port = Int(bound)
        if refuses { return }
        guard listen(listener, 0) == 0 else {
            throw LaminaError(.system, "silent port", "can't be listened on", errno: errno)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = bound.bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                for _ in 0..<3 {
                    let client = clinux_socket(AF_INET, Int32(CLINUX_STREAM))
                    connect(client, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                    clients.append(client)
                }
            }
        }
    }

    deinit {
        stop()
    }

    /// How many connects are under way to it.
    public var dials: Int {
        get throws {
            let number = String(port, radix: 16, uppercase: true)
            let dialing = "0100007F:\(String(repeating: "0", count: 4 - number.count))\(number) 02 "
            let table = String(decoding: try readAll("/proc/net/tcp"), as: UTF8.self)
            return table.split(separator: "\n").count { $0.contains(dialing) }
        }
    }

    /// From now on connects are refused.
    public func stop() {
        for descriptor in clients + [listener] where descriptor >= 0 { close(descriptor) }
        clients = []
        listener = -1
    }
}
