import CLinux

/// Two threads of which the second to arrive does what remains: a call that started something, and whatever ends it,
/// possibly inside that call. Stands in raw memory.
public struct Handshake {
    private var word: UInt32 = 0

    /// Nobody has arrived.
    public init() {}

    /// Whether one of the two has arrived.
    public mutating func hasArrived() -> Bool { clinux_load_u32(&word) != 0 }

    /// Arrives; true for the second.
    public mutating func arrive() -> Bool { clinux_set_bits_u32(&word, 1) & 1 != 0 }
}
