import CLinux

/// Two threads of which the second to arrive does what remains: a call that started something, and whatever ends it,
/// possibly inside that call. Stands in raw memory.
public struct Arrivals {
    fileprivate var word: UInt32 = 0

    /// Nobody has arrived.
    public init() {}
}

extension UnsafeMutablePointer<Arrivals> {
    /// Whether one of the two has arrived.
    public var hasArrived: Bool { clinux_load_u32(field(\.word)) != 0 }

    /// Arrives; true for the second.
    public func arrive() -> Bool { clinux_set_bits_u32(field(\.word), 1) & 1 != 0 }
}
