public import CLamina

/// What is called: an entry, an indication, or a function of an extension (`lamina_signature`). Valid as long as the level.
public struct GenericSignature {
    /// In which table a function stands (`LAMINA_SIGNATURE_…`).
    public enum Table: UInt32, Sendable {
        /// Calls that travel down.
        case entry = 1
        /// Events that travel up.
        case indication
        /// What a level offers under an extension's name.
        case `extension`
        /// What whoever asked for an extension offers the level.
        case extensionClient
    }

    @usableFromInline let pointer: UnsafePointer<lamina_signature>

    @inlinable
    init(_ pointer: UnsafePointer<lamina_signature>) {
        self.pointer = pointer
    }

    /// The table.
    public var table: Table { Table(rawValue: pointer.pointee.table) ?? .entry }

    /// The number in its table: `LAMINA_ENTRY_…`, `LAMINA_INDICATION_…`, or the place in an extension's table.
    @inlinable
    public var number: UInt32 { pointer.pointee.number }

    /// `LAMINA_CLASS_…` of an entry or indication, else 0.
    @inlinable
    public var classes: UInt32 { pointer.pointee.classes }

    /// The name. Allocates.
    public var name: String { String(cString: pointer.pointee.name) }

    /// The declaration in C. Allocates.
    public var declaration: String { String(cString: pointer.pointee.declaration) }

    /// The UUID of the extension that it belongs to, nil for none. Allocates.
    public var extensionUUID: String? { pointer.pointee.extension.map { String(cString: $0) } }

    /// Whether this is its name. Allocates nothing.
    @inlinable
    public func isNamed(_ name: StaticString) -> Bool { Self.equals(pointer.pointee.name, name) }

    /// Whether this is its name. Allocates nothing.
    @_disfavoredOverload
    public func isNamed(_ name: String) -> Bool {
        name.utf8.withContiguousStorageIfAvailable {
            Self.equals(pointer.pointee.name, $0.baseAddress, $0.count)
        } ?? (name == self.name)
    }

    /// The name and the type in C of each parameter, in order. Allocates.
    public var parameters: [(name: String, type: String)] {
        (0..<Int(pointer.pointee.parameter_count)).compactMap { index in
            pointer.pointee.parameters.map {
                (String(cString: $0[index].name), String(cString: $0[index].type))
            }
        }
    }

    /// The place of the parameter of this name, nil for none. Allocates nothing.
    @inlinable
    public func index(of parameter: StaticString) -> Int? {
        guard let parameters = pointer.pointee.parameters else { return nil }
        for index in 0..<Int(pointer.pointee.parameter_count) where Self.equals(parameters[index].name, parameter) {
            return index
        }
        return nil
    }

    @inlinable
    @inline(__always)
    static func equals(_ text: UnsafePointer<CChar>, _ literal: StaticString) -> Bool {
        equals(text, literal.utf8Start, literal.utf8CodeUnitCount)
    }

    /// The first byte decides most comparisons.
    @inlinable
    @inline(__always)
    static func equals(_ text: UnsafePointer<CChar>, _ other: UnsafePointer<UInt8>?, _ count: Int) -> Bool {
        guard let other else { return text.pointee == 0 }
        for index in 0..<count {
            let byte = other[index]
            guard byte != 0, UInt8(bitPattern: text[index]) == byte else { return false }
        }
        return text[count] == 0
    }
}
