/// Numbers with units, as users write them in a layer's own rules: the units of settings. Any thread; never fails.
public enum WrittenQuantity {
    private static let sizes: [(unit: String, factor: Int)] = [
        ("", 1), ("b", 1), ("k", 1 << 10), ("kib", 1 << 10), ("kb", 1000), ("m", 1 << 20), ("mib", 1 << 20),
        ("mb", 1_000_000), ("g", 1 << 30), ("gib", 1 << 30), ("gb", 1_000_000_000),
    ]
    private static let times: [(unit: String, factor: Int)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]

    /// Bytes: `64k`; nil where it is none, or more than 2^60.
    public static func size(_ text: Substring) -> Int? { value(text, sizes) }

    /// Nanoseconds: `500ms`, likewise.
    public static func time(_ text: Substring) -> Int64? { value(text, times).map { Int64($0) } }

    /// A whole number, likewise.
    public static func count(_ text: Substring) -> Int? { value(text, [("", 1)]) }

    /// A number that may have a fraction: `0.5`.
    public static func decimal(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) else { return nil }
        return Double(String(text))
    }

    private static func value(_ text: Substring, _ units: [(unit: String, factor: Int)]) -> Int? {
        let digits = text.prefix { $0.isASCII && isDigit($0.asciiValue ?? 0) }
        let unit = text[digits.endIndex...].lowercased()
        guard let number = Int(digits), let factor = units.first(where: { $0.unit == unit })?.factor else { return nil }
        let (value, overflows) = number.multipliedReportingOverflow(by: factor)
        return overflows || value > 1 << 60 ? nil : value
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
