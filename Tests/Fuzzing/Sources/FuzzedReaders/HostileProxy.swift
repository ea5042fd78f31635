import Glibc
import Lamina
import Synchronization

/// The layer `socks5` over memory, and a server of which every byte is chosen.
final class HostileProxy: @unchecked Sendable {
    /// What became of a connect: what the program received behind it, or that it failed.
    enum Outcome: Equatable {
        case connected([UInt8])
        case failed
        /// It failed otherwise than a bad server makes it fail.
        case odd(String)
    }

    private let chain: Chain
    private let listener: Socket
    private let turn = Mutex(())
    // Written before a connect, read once it has been accepted.
    private var script: [UInt8] = []

    /// `folder` has the plug-ins.
    init(_ folder: String) throws {
        let base = try Self.level("memory:network=hostile", "\(folder)/libLaminaMemory.so")
        let layer = try Self.level(
            "socks5:server=127.0.0.1:1080,user=u,password=p",
            "\(folder)/libLaminaSocks5.so"
        )
        chain = try Chain([layer, base])
        listener = try Chain([base]).listen(on: Address(host: "127.0.0.1", port: 1080))
        var thread = pthread_t()
        let own = Unmanaged.passRetained(self).toOpaque()
        let code = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<HostileProxy>.fromOpaque(context).takeUnretainedValue().serve()
                return nil
            },
            own
        )
        guard code == 0 else { throw LaminaError(.system, "a thread", "can't be had", errno: code) }
        pthread_detach(thread)
    }

    private static func level(_ text: String, _ file: String) throws -> (LayerSpecification, Provider) {
        (try LayerSpecification(parsing: text), try Library.load(file).provider())
    }

    private func serve() {
        while let connection = try? listener.waiting.accept() {
            try? connection.waiting.send(script)
            try? connection.waiting.disconnect()
            while let heard = try? connection.waiting.receive(upTo: 4096), !heard.isEmpty {}
            try? connection.waiting.close()
        }
    }

    /// Connects, while the server says this.
    func lead(_ bytes: [UInt8]) -> Outcome { turn.withLock { _ in connect(bytes) } }

    private func connect(_ bytes: [UInt8]) -> Outcome {
        script = bytes
        do {
            let socket = try chain.connect(
                to: Address(host: "somewhere.test", port: 80),
                deadline: Deadline.after(seconds: 20)
            )
            defer { try? socket.waiting.close() }
            return .connected(try socket.waiting.receive(upTo: bytes.count + 1, all: true))
        } catch {
            // Reply 6 is a time-out of the server's; one of the layer's own would be a server that it waits for in vain.
            let isOfServer = error.errno != ETIMEDOUT || bytes.contains(6)
            let isItsOwn = error.level == "socks5" && error.errno != 0 && isOfServer
            return isItsOwn ? .failed : .odd("\(error)")
        }
    }

    /// What the protocol says that this leads to (RFC 1928, RFC 1929), where the program has a login.
    static func outcome(of bytes: [UInt8]) -> Outcome {
        var rest = bytes[...]
        guard rest.count >= 2, rest.removeFirst() == 5 else { return .failed }
        let method = rest.removeFirst()
        if method == 2 {
            guard rest.count >= 2, rest[rest.startIndex + 1] == 0 else { return .failed }
            rest = rest.dropFirst(2)
        } else if method != 0 {
            return .failed
        }
        guard rest.count >= 5, rest.starts(with: [5, 0]) else { return .failed }
        let address = rest.dropFirst(3)
        let sizes: [UInt8: Int] = [1: 4, 3: 1 + Int(address[address.startIndex + 1]), 4: 16]
        guard let size = sizes[address[address.startIndex]], address.count >= 1 + size + 2 else { return .failed }
        return .connected(Array(address.dropFirst(1 + size + 2)))
    }
}
