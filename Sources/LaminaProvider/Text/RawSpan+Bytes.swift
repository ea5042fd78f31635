extension [UInt8] {
    /// Appends a copy of these bytes.
    public mutating func append(_ bytes: borrowing RawSpan) { bytes.withUnsafeBytes { append(contentsOf: $0) } }

    /// Runs `body` with these bytes, in their place.
    public func withRawSpan(_ body: (borrowing RawSpan) -> Void) { withUnsafeBytes { body($0.bytes) } }
}

extension String {
    /// A copy of these bytes as text; what isn't UTF-8 is replaced.
    init(_ bytes: borrowing RawSpan) { self = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}
