import LaminaProvider

/// A codec that copies: each byte becomes itself.
struct Copying: StreamCodec {
    static let about = LayerDescription("sdk-codec", effect: .transform, phase: .cryptoCompress)
    init(_ level: Level) {}
    func makeEncoder(_ socket: borrowing Socket) -> Copy { Copy() }
    func makeDecoder(_ socket: borrowing Socket) -> Copy { Copy() }

    struct Copy: ByteCoder {
        func code(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) { output.append(bytes) }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Copying.self) }
