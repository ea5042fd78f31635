import LaminaProvider

/// Escapes the bytes of a connection, so that one value never passes below: `}` becomes `}]`, the avoided one `}>`.
struct Escape: StreamCodec {
    static let avoided = Setting.integer("avoided", in: 0...255, default: "0", help: "the byte that doesn't pass")
    static let about = LayerDescription(
        "escape",
        effect: .transform,
        summary: "keeps a byte off the line",
        phase: .cryptoCompress,
        settings: [avoided]
    )
    private let avoided: UInt8

    init(_ level: Level) { avoided = UInt8(level[Self.avoided]) }
    func makeEncoder(_ socket: borrowing Socket) -> Encoder { Encoder(avoided: avoided) }
    func makeDecoder(_ socket: borrowing Socket) -> Decoder { Decoder(avoided: avoided) }

    struct Encoder: ByteCoder {
        let avoided: UInt8

        func code(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) {
            for index in bytes.indices {
                let byte = bytes[index]
                guard byte == avoided || byte == UInt8(ascii: "}") else {
                    output.append(byte)
                    continue
                }
                output.append(UInt8(ascii: "}"))
                output.append(byte == avoided ? UInt8(ascii: ">") : UInt8(ascii: "]"))
            }
        }
    }

    struct Decoder: ByteCoder {
        let avoided: UInt8
        private var isEscaped = false

        init(avoided: UInt8) { self.avoided = avoided }

        mutating func code(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure) {
            for index in bytes.indices {
                let byte = bytes[index]
                if isEscaped {
                    output.append(byte == UInt8(ascii: ">") ? avoided : UInt8(ascii: "}"))
                    isEscaped = false
                } else if byte == UInt8(ascii: "}") {
                    isEscaped = true
                } else {
                    output.append(byte)
                }
            }
            if isLast, isEscaped { throw Failure(71, "the stream ends inside an escape") }
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Escape.self) }
