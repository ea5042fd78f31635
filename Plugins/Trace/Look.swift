import LaminaProvider

/// What lines look like and which are written: the settings that can change while the level is in use. An operation has
/// those that held when it began.
struct Look: Sendable {
    /// How lines are written.
    enum Format: String, CaseIterable, Sendable {
        case text, json
    }

    /// How much of the data is shown.
    enum Data: String, CaseIterable, Sendable {
        case none, sizes, text, hex
    }

    let isJSON: Bool
    let errorsOnly: Bool
    let data: Data
    /// Bytes of data that data=text and data=hex show.
    let bytes: Int

    /// The most of these.
    static let mostBytes = 64 << 10

    /// Bytes of data that a line shows.
    var sample: Int { data == .text || data == .hex ? bytes : 0 }

    init(_ level: Level) {
        isJSON = level[Trace.format] == .json
        errorsOnly = level[Trace.errors]
        data = level[Trace.data]
        bytes = level[Trace.bytes]
    }

    /// What is written in one word.
    init(bits: UInt64) {
        isJSON = bits & 1 != 0
        errorsOnly = bits & 2 != 0
        data =
            switch bits >> 2 & 3 {
            case 0: .none
            case 1: .sizes
            case 2: .text
            default: .hex
            }
        bytes = Int(bits >> 4)
    }

    /// The same in one word, so that it changes at once.
    var bits: UInt64 {
        let number: UInt64 =
            switch data {
            case .none: 0
            case .sizes: 1
            case .text: 2
            case .hex: 3
            }
        return (isJSON ? 1 : 0) | (errorsOnly ? 2 : 0) | number << 2 | UInt64(bytes) << 4
    }
}
