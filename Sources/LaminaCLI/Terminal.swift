import Glibc

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
        let line = Array("lamina: \(printable(message))\n".utf8)
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

    /// Lines of text, each without what could move a terminal's cursor.
    static func lines(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.map { printable(String($0)) }.joined(separator: "\n")
    }

    /// `text` without what could move a terminal's cursor or change its state.
    static func printable(_ text: String) -> String {
        func isPlain(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
        }
        guard !text.unicodeScalars.allSatisfy(isPlain) else { return text }
        return text.unicodeScalars.reduce(into: "") { $0 += isPlain($1) ? String($1) : "\u{FFFD}" }
    }
}
