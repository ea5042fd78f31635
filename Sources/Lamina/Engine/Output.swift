import Glibc

/// Where layers and the framework write lines for people: standard error, or a file.
public enum Output {
    /// How much is written.
    public enum Level: UInt32, Sendable, Comparable {
        /// What failed.
        case error
        /// What may surprise.
        case warning
        /// What happened.
        case notice
        /// Everything.
        case debug

        /// By severity.
        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Sink {
        var descriptor: Int32 = STDERR_FILENO
        var level: Level = .warning
    }

    private static let sink = Locked(Sink())

    /// Sends lines to a descriptor, which stays the caller's, from now on.
    public static func redirect(to descriptor: Int32) {
        sink.withLock { $0.descriptor = descriptor }
    }

    /// Drops lines of the framework's log that are less severe than `level`; `warning` unless it is called. Layers'
    /// own output isn't affected.
    public static func show(_ level: Level) {
        sink.withLock { $0.level = level }
    }

    /// Writes one line of the log: `lamina: subject: text`. The text isn't made where it isn't shown.
    public static func log(_ level: Level, _ subject: String, _ text: @autoclosure () -> String) {
        guard level <= sink.withLock({ $0.level }) else { return }
        let text = printableLines(text())
        write(subject.isEmpty ? "lamina: \(text)\n" : "lamina: \(subject): \(text)\n")
    }

    /// Lines of text, each without what could move a terminal's cursor or change its state.
    package static func printableLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(
            separator: "\n"
        )
    }

    /// One line without what could move a terminal's cursor or change its state.
    package static func printable(_ text: String) -> String {
        func isPlain(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
        }
        guard !text.unicodeScalars.allSatisfy(isPlain) else { return text }
        return text.unicodeScalars.reduce(into: "") { $0 += isPlain($1) ? String($1) : "\u{FFFD}" }
    }

    /// Writes whole lines, in one piece.
    public static func write(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    static func write(_ bytes: UnsafeRawBufferPointer) {
        let descriptor = sink.withLock { $0.descriptor }
        var left = bytes[...]
        while !left.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: left)
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count < 0 {
                guard errno == EINTR else { return }
            } else {
                left = left.dropFirst(count)
            }
        }
    }
}
