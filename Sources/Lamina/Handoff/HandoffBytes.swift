import Glibc

/// Writes what travels between processes: numbers in little-endian order, byte strings after their length.
struct HandoffWriter {
    private(set) var bytes: [UInt8] = []

    mutating func number<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    mutating func raw(_ value: [UInt8]) { bytes += value }

    mutating func data(_ value: [UInt8]) {
        number(UInt32(value.count))
        bytes += value
    }

    mutating func text(_ value: String) { data(Array(value.utf8)) }

    mutating func texts(_ values: [String]) {
        number(UInt32(values.count))
        for value in values { text(value) }
    }
}

/// Reads it back. Bytes may come from anybody: nothing is read beyond the end, and no count is believed that the bytes
/// that are left can't hold.
struct HandoffReader {
    private let bytes: [UInt8]
    private var place = 0
    private let subject: String

    init(_ bytes: [UInt8], subject: String) {
        self.bytes = bytes
        self.subject = subject
    }

    func error(_ cause: String) -> LaminaError {
        LaminaError(.invalidArgument, subject, cause, errno: EINVAL)
    }

    mutating func raw(_ count: Int) throws(LaminaError) -> [UInt8] {
        guard count >= 0, count <= bytes.count - place else { throw error("ends at byte \(bytes.count)") }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(LaminaError) -> Number {
        let count = MemoryLayout<Number>.size
        guard count <= bytes.count - place else { throw error("ends at byte \(bytes.count)") }
        defer { place += count }
        return bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Number.self)) }
    }

    mutating func data() throws(LaminaError) -> [UInt8] {
        try raw(Int(try number(UInt32.self)))
    }

    mutating func text() throws(LaminaError) -> String {
        guard let text = String(validating: try data(), as: UTF8.self) else { throw error("has text that isn't UTF-8") }
        return text
    }

    /// A count of things that take at least `size` bytes each.
    mutating func count(ofAtLeast size: Int = 4) throws(LaminaError) -> Int {
        let count = Int(try number(UInt32.self))
        guard count <= (bytes.count - place) / size else { throw error("counts \(count) where fewer can follow") }
        return count
    }

    mutating func texts() throws(LaminaError) -> [String] {
        let count = try count()
        var texts: [String] = []
        for _ in 0..<count { texts.append(try text()) }
        return texts
    }

    func finish() throws(LaminaError) {
        guard place == bytes.count else { throw error("has \(bytes.count - place) bytes too many") }
    }
}
