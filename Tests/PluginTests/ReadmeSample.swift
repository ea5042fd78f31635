import Lamina

/// Sends a line through the layer `trace` and gives what came back.
func ask(_ destination: String) throws -> String {
    let trace = try LayerSpecification(parsing: "trace:data=text")
    let chain = try Chain(layers: [trace])
    let socket = try chain.connect(to: Address(parsing: destination))
    defer { socket.close() }
    try socket.waiting.send(Array("hello\n".utf8))
    return String(decoding: try socket.waiting.receive(upTo: 100), as: UTF8.self)
}
