import LaminaProvider

/// Says what was received, buffer by buffer.
struct Reader: ReceivedBytes {
    static let about = LayerDescription("reader", effect: .observe)
    private let level: Level
    init(_ level: Level) { self.level = level }

    func received(_ bytes: borrowing RawSpan, isLook: Bool, _ ending: borrowing Ending<State>) {
        var text = ""
        for offset in bytes.byteOffsets { text.unicodeScalars.append(Unicode.Scalar(byte(offset, of: bytes))) }
        level.output("\(isLook ? "saw" : "read") \(text)")
    }

    private func byte(_ offset: Int, of bytes: borrowing RawSpan) -> UInt8 {
        (try? bytes.integer(at: offset, as: UInt8.self)) ?? 0
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Reader.self) }
