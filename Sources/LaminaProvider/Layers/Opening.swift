public import CLamina

/// What a socket is opened for (`lamina_open_arguments`), valid during the call.
public struct Opening: ~Escapable {
    @usableFromInline let arguments: UnsafePointer<lamina_open_arguments>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ arguments: UnsafePointer<lamina_open_arguments>) { self.arguments = arguments }

    /// `AF_INET` and so on.
    public var family: Int32 { arguments.pointee.family }
    /// `SOCK_STREAM` and so on.
    public var type: Int32 { arguments.pointee.type }
    /// `IPPROTO_TCP` and so on.
    public var `protocol`: Int32 { arguments.pointee.protocol }
    /// What the socket is for.
    public var category: LayerDescription.Categories {
        LayerDescription.Categories(rawValue: arguments.pointee.category)
    }
    /// Whether the levels below are open already: it was accepted, or a condition let this level in late.
    public var isFromBelow: Bool { arguments.pointee.flags & UInt32(LAMINA_OPEN_FROM_BELOW) != 0 }
}
