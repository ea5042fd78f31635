import Glibc
import Lamina

/// What standard output and standard error are to a reader.
enum Terminal {
    /// A way to set words off.
    enum Style: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    /// Whether standard output takes colour: a terminal that isn't dumb, and nobody set `NO_COLOR`.
    static let hasColour: Bool = {
        func value(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return isatty(STDOUT_FILENO) == 1 && value("NO_COLOR").isEmpty && value("TERM") != "dumb"
    }()

    /// `text` in a style where standard output takes colour, else unchanged.
    static func styled(_ text: String, _ style: Style) -> String {
        hasColour && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Writes one line to standard error: `lamina: message`.
    static func complain(_ message: String) {
        let line = Array("lamina: \(Output.printable(message))\n".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }

    /// Writes to standard output at once; false where nobody reads it any more.
    static func write(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { return false }
            rest = rest.dropFirst(max(0, count))
        }
        return true
    }
}
