import LaminaProvider

/// A cipher, of a cheap kind: each byte of a connection is mixed with a byte of its own, which the key and its position
/// give.
struct Keystream: StreamTransform {
    static let key = Setting.secret("key", required: true, help: "what both ends know")
    static let about = LayerDescription(
        "keystream",
        effect: .transform,
        handoff: .move,
        phase: .cryptoCompress,
        categories: .streams,
        settings: [key]
    )
    private let start: UInt64

    init(_ level: Level) throws(Failure) {
        let key = level[Self.key]
        guard key.utf8.count >= 8 else { throw Failure(22, "key is shorter than 8 bytes: take a longer one") }
        start = key.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
    }

    func encode(_ bytes: inout MutableSpan<UInt8>, at position: UInt64) { turn(&bytes, at: position) }
    func decode(_ bytes: inout MutableSpan<UInt8>, at position: UInt64) { turn(&bytes, at: position) }

    private func turn(_ bytes: inout MutableSpan<UInt8>, at position: UInt64) {
        for index in bytes.indices {
            let mixed = (start &+ position &+ UInt64(index)) &* 0xbf58_476d_1ce4_e5b9
            bytes[index] ^= UInt8(truncatingIfNeeded: mixed >> 32)
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Keystream.self) }
