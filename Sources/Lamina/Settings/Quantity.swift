/// A kind of number with units, and how its texts are read and written. Units don't mind case; a fraction is exact or
/// refused.
public enum Quantity: Sendable {
    /// A count: `12`, `-3`, `0x1f`, `10k` (thousand), `2m`, `1g`.
    case integer
    /// Bytes: `512`, `64k` and `64KiB` (1,024), `64KB` (1,000), and so on for m, g, t.
    case size
    /// Bits per second: `1mbit`, `800kbit`, `2.5gbit`, or bytes per second `100kb/s`, `1MiB/s`. A unit is needed.
    case rate
    /// Time, in nanoseconds: `200ms`, `1.5s`, `10us`, `2m`, `1h`, `1d`. A unit is needed.
    case duration

    /// Units with what one of them counts, smallest first; "" where none is needed.
    private var units: [(name: String, factor: Int64)] {
        switch self {
        case .integer: [("", 1), ("k", 1000), ("m", 1_000_000), ("g", 1_000_000_000)]
        case .size:
            [
                ("", 1), ("b", 1), ("k", 1 << 10), ("kib", 1 << 10), ("kb", 1000),
                ("m", 1 << 20), ("mib", 1 << 20), ("mb", 1_000_000),
                ("g", 1 << 30), ("gib", 1 << 30), ("gb", 1_000_000_000),
                ("t", 1 << 40), ("tib", 1 << 40), ("tb", 1_000_000_000_000),
            ]
        case .rate:
            [
                ("bit", 1), ("kbit", 1000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("tbit", 1_000_000_000_000),
                ("b/s", 8), ("kb/s", 8000), ("kib/s", 8 << 10), ("mb/s", 8_000_000), ("mib/s", 8 << 20),
                ("gb/s", 8_000_000_000), ("gib/s", 8 << 30),
            ]
        case .duration:
            [
                ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
                ("m", 60_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
            ]
        }
    }

    /// What a text of this kind looks like, for a message.
    var hint: String {
        switch self {
        case .integer: "give a whole number such as 12 or 10k"
        case .size: "give a size such as 512, 64k (1,024) or 64KB (1,000)"
        case .rate: "give a rate with its unit, such as 1mbit or 100kb/s"
        case .duration: "give a time with its unit, such as 200ms or 1.5s"
        }
    }

    /// The value of `text` in the kind's base unit; nil where it isn't one, doesn't come out whole, or is too large.
    /// Only an integer may be negative.
    public func value(of text: String) -> Int64? {
        var rest = Substring(text)
        var negative = false
        if self == .integer, rest.first == "-" {
            negative = true
            rest.removeFirst()
        }
        if self == .integer, rest.hasPrefix("0x") || rest.hasPrefix("0X") {
            let digits = rest.dropFirst(2)
            guard digits.allSatisfy(\.isHexDigit), let value = Int64(digits, radix: 16) else { return nil }
            return negative ? -value : value
        }
        let whole = Self.takeDigits(&rest)
        var fraction: Substring = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = Self.takeDigits(&rest)
            if fraction.isEmpty { return nil }
        }
        guard !whole.isEmpty, let magnitude = Int64(whole) else { return nil }
        let unit = rest.lowercased()
        if unit.isEmpty, magnitude == 0, fraction.isEmpty { return 0 }
        guard let factor = units.first(where: { $0.name == unit })?.factor,
            let value = Self.scale(magnitude, fraction, by: factor)
        else { return nil }
        return negative ? -value : value
    }

    private static func takeDigits(_ text: inout Substring) -> Substring {
        let digits = text.prefix { ("0"..."9").contains($0) }
        text = text[digits.endIndex...]
        return digits
    }

    /// `whole.fraction` times `factor`; nil where that isn't a whole number of 64 bits.
    private static func scale(_ whole: Int64, _ fraction: Substring, by factor: Int64) -> Int64? {
        let (value, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow, fraction.utf8.count <= 12, let digits = UInt64(fraction.isEmpty ? "0" : fraction) else {
            return nil
        }
        let power = fraction.utf8.reduce(UInt64(1)) { power, _ in power * 10 }
        let (quotient, remainder) = power.dividingFullWidth(UInt64(factor).multipliedFullWidth(by: digits))
        guard remainder == 0 else { return nil }
        let (sum, tooLarge) = value.addingReportingOverflow(Int64(quotient))
        return tooLarge ? nil : sum
    }

    /// `value` in the largest unit that holds it whole, so that `value(of:)` reads it back.
    public func text(of value: Int64) -> String {
        let preferred: [String] =
            switch self {
            case .integer: []
            case .size: ["gib", "mib", "kib"]
            case .rate: ["gbit", "mbit", "kbit", "bit"]
            case .duration: ["h", "min", "s", "ms", "us", "ns"]
            }
        for name in preferred where value != 0 {
            guard let factor = units.first(where: { $0.name == name })?.factor else { continue }
            if value % factor == 0 { return "\(value / factor)\(self == .size ? Self.binary(name) : name)" }
        }
        return String(value)
    }

    private static func binary(_ name: String) -> String {
        name.prefix(1).uppercased() + "iB"
    }
}
