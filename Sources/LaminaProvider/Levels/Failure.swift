import CLinux
import Glibc

/// Why something can't be done: an `errno` value, and a line for people. Throwing one costs no allocation; text that is
/// put together does.
public struct Failure: Error, CustomStringConvertible {
    /// A positive `errno` value.
    public let errno: Int32
    /// One line that names the thing, the cause and what to do; empty for the errno's own words.
    public let message: String

    /// A failure with this errno (a negative one counts as its positive), and a line that says why.
    public init(_ errno: Int32, _ message: String = "") {
        self.errno = errno == 0 ? EIO : Int32(clamping: errno.magnitude)
        self.message = message
    }

    /// The errno's name, such as `ECONNREFUSED`; its number where it has none.
    public var name: String { Self.name(of: errno) }

    /// The name of an errno, positive or negative.
    public static func name(of errno: Int32) -> String {
        let number = Int32(clamping: errno.magnitude)
        return clinux_errno_name(number).map { String(cString: $0) } ?? "\(number)"
    }

    /// The errno of this name, in either case, or of this number; nil where there is none.
    public static func errno(named text: Substring) -> Int32? {
        let numbers: ClosedRange<Int32> = 1...133
        if let number = Int32(text) { return numbers.contains(number) ? number : nil }
        let name = text.uppercased()
        return numbers.first { self.name(of: $0) == name }
    }

    /// The message, or the errno's own words.
    public var description: String { message.isEmpty ? String(cString: strerror(errno)) : message }
}
