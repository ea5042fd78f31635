import ArgumentParser

/// What a server of the benchmarks does, each on a port of its own on loopback.
enum Service: String, CaseIterable {
    /// Sends back what comes on a connection.
    case echo
    /// Reads how many bytes follow (8 bytes, little endian), takes them, and sends one byte when it has all.
    case take
    /// Reads how many bytes are wanted, and sends as many.
    case give
    /// Sends datagrams back, each by itself.
    case datagrams
    /// Sends datagrams back, as many by one call as there are, up to `batch`.
    case datagramBatches = "datagram-batches"

    /// The most datagrams of one call.
    static let batch = 64
    /// Bytes of one message.
    static let messageSize = 64
    /// Bytes of a block of a long transfer.
    static let blockSize = 65_536
    /// Bytes of the count that goes ahead of one.
    static let headSize = 8
}

/// One contender: a single thread that serves everything.
protocol Server: Sendable {
    func port(of service: Service) -> UInt16

    /// Ends it.
    func stop()
}

/// The servers that are part of this program.
enum ServerKind: String, CaseIterable, ExpressibleByArgument {
    case systemCalls = "system-calls"
    case requests
    case indications

    /// What tables call it.
    var title: String {
        switch self {
        case .systemCalls: "epoll and system calls"
        case .requests: "Lamina, requests"
        case .indications: "Lamina, indications"
        }
    }

    func make() throws -> any Server {
        switch self {
        case .systemCalls: try RawServer()
        case .requests: try LaminaServer(byIndications: false)
        case .indications: try LaminaServer(byIndications: true)
        }
    }

    /// Whether it has a way of its own for the service: what is indicated comes one by one.
    func offers(_ service: Service) -> Bool { self != .indications || service != .datagramBatches }
}
