public import CLamina

/// One control operation, valid during the call (`lamina_operation`): an option, an ioctl or an extension.
public struct ControlOperation: ~Escapable {
    @usableFromInline let operation: UnsafePointer<lamina_operation>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ operation: UnsafePointer<lamina_operation>) { self.operation = operation }

    /// `LAMINA_CONTROL_…`.
    public var kind: UInt32 { operation.pointee.kind }
    /// The option's level, e.g. `SOL_SOCKET`.
    public var level: Int32 { operation.pointee.level }
    /// The option or ioctl.
    public var code: UInt32 { operation.pointee.code }
    /// Bytes of room for what it answers.
    public var capacity: Int { operation.pointee.output_capacity }
    /// An extension's name; nil of others.
    public var `extension`: String? { operation.pointee.extension.map { String(cString: $0) } }

    /// What it was given.
    public var input: RawSpan {
        @_lifetime(copy self)
        get {
            let (base, length) = (operation.pointee.input, operation.pointee.input_length)
            let bytes = UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : length)
            return _overrideLifetime(RawSpan(_unsafeBytes: bytes), copying: self)
        }
    }

    /// The integer that an option is set to; nil where it is something else.
    public var integer: Int32? {
        guard kind == UInt32(LAMINA_CONTROL_SET_OPTION), let input = operation.pointee.input,
            operation.pointee.input_length == MemoryLayout<Int32>.size
        else { return nil }
        return input.loadUnaligned(as: Int32.self)
    }

    /// Whether it sets this socket option.
    public func sets(_ level: Int32, _ option: Int32) -> Bool {
        kind == UInt32(LAMINA_CONTROL_SET_OPTION) && self.level == level && code == UInt32(bitPattern: option)
    }

    /// Whether it asks for this socket option.
    public func gets(_ level: Int32, _ option: Int32) -> Bool {
        kind == UInt32(LAMINA_CONTROL_GET_OPTION) && self.level == level && code == UInt32(bitPattern: option)
    }

    /// Whether it is this ioctl.
    public func isIoctl(_ request: UInt32) -> Bool { kind == UInt32(LAMINA_CONTROL_IOCTL) && code == request }
}
