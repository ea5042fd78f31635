/// Bytes that no description, list, log or trace shows: they print as `•••`.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The bytes themselves, for the layer that needs them.
    public let bytes: [UInt8]

    /// A secret of these bytes.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A secret of a text's UTF-8.
    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// What stands for every secret.
    public static let mask = "•••"

    /// Always `•••`.
    public var description: String { Self.mask }
    /// Always `•••`.
    public var debugDescription: String { Self.mask }
    /// Nothing to see.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
