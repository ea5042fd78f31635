import Lamina

/// A server on loopback, inside this process, that answers every request with one line. It uses a chain without layers.
struct DemoServer {
    /// Where it listens.
    let address: Address

    /// Starts it on a port that the system chooses.
    init(_ catalog: Catalog) throws(LaminaError) {
        let listener = try Chain(layers: [], catalog: catalog).listen(on: Address(host: "127.0.0.1", port: 0))
        address = try listener.waiting.localAddress()
        Task.detached {
            do {
                while true {
                    let connection = try await listener.accept()
                    Task.detached { await Self.serve(connection) }
                }
            } catch {
                Terminal.complain("the demo's server: \(error)")
            }
        }
    }

    private static func serve(_ connection: Socket) async {
        do {
            try await answer(connection)
            try await connection.closed()
        } catch {
            connection.close()
            Terminal.complain("the demo's server: \(error)")
        }
    }

    /// Reads a request to its empty line, and answers.
    private static func answer(_ connection: Socket) async throws(LaminaError) {
        var request: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while request.count < 65_536, request.suffix(end.count) != end[...] {
            let bytes = try await connection.receive(upTo: 4096)
            if bytes.isEmpty { return }
            request += bytes
        }
        let body = "hello from the demo's server\n"
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        try await connection.send(Array((head + body).utf8))
        try await connection.disconnect()
    }
}
