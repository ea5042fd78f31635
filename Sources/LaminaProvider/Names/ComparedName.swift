/// Names as they are compared: ASCII letters in lower case, without a final dot.
public enum ComparedName {
    /// The form that is compared. Nil: it is no name, or an address in numbers, which nobody looks up.
    public static func of(_ text: some StringProtocol) -> String? {
        var bytes = text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
        if bytes.last == UInt8(ascii: "."), bytes.count > 1 { bytes.removeLast() }
        guard (1...253).contains(bytes.count), !bytes.contains(where: { $0 <= 32 || $0 == 127 || $0 == 0x3A }) else {
            return nil
        }
        // What ends in a number is an address, or a mistyped one.
        let last = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).last ?? []
        guard !last.isEmpty, !last.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The form of a name that somebody wrote in a rule: of letters, digits, `-`, `_` and `.`, and of what isn't ASCII. Nil: it
    /// is none, whatever a program may ask for.
    public static func written(_ text: some StringProtocol) -> String? {
        of(text).flatMap { $0.utf8.allSatisfy(isPlain) ? $0 : nil }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}
