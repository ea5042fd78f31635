import CLinux
import Glibc
import Lamina
import TestSupport

/// The base providers under test, loaded from the files that the build made.
enum BaseProvider: String, CaseIterable, Sendable, CustomStringConvertible {
    case kernel = "libLaminaKernel.so"
    case memory = "libLaminaMemory.so"

    var description: String { self == .kernel ? "kernel" : "memory" }

    /// A chain of the base alone, with settings such as `nodelay`.
    func chain(_ settings: String = "", engine: Engine = .shared) throws -> Chain {
        let name = settings.isEmpty ? description : "\(description):\(settings)"
        return try Chain([(try LayerSpecification(parsing: name), try provider())], engine: engine)
    }

    /// The provider alone.
    func provider() throws -> Provider {
        try Library.load("\(PackageTree.products)/\(rawValue)").provider()
    }
}

/// Two connected stream sockets, and the listener that took the connection.
struct Pair {
    let listener: Socket
    let client: Socket
    let server: Socket

    /// `other`, where there is one, is the client's chain.
    init(
        _ chain: Chain,
        client other: Chain? = nil,
        on address: Address = Address(host: "127.0.0.1", port: 0)
    ) throws {
        listener = try chain.listen(on: address)
        let client = try (other ?? chain).connect(to: try listener.waiting.localAddress())
        self.client = client
        server = try listener.waiting.accept(deadline: soon())
    }

    func close() throws {
        for socket in [client, server, listener] { try socket.waiting.close() }
    }
}

/// A deadline that only a hang reaches.
func soon() -> Int64 { Deadline.after(seconds: 60) }
