import Synchronization

/// Numbers that follow from a seed.
struct Random: ~Copyable, Sendable {
    private let seed: UInt64
    private let state: Atomic<UInt64>

    /// The numbers of one socket.
    init(_ seed: UInt64, stream: UInt64) {
        self.seed = Self.mixed(seed &+ stream &* 0xD1B5_4A32_D192_ED03)
        state = Atomic(self.seed)
    }

    /// The next one, at least 0 and less than 1.
    func next() -> Double {
        Self.unit(Self.mixed(state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue))
    }

    /// One that is always the same for an index.
    func fixed(_ index: Int) -> Double { Self.unit(Self.mixed(seed ^ UInt64(index + 1) &* 0xA24B_AED4_963E_E407)) }

    /// One that is always the same for an index and a number.
    func fixed(_ index: Int, _ number: UInt64) -> Double {
        Self.unit(Self.mixed(Self.mixed(seed ^ UInt64(index + 1) &* 0xA24B_AED4_963E_E407) &+ number))
    }

    private static func unit(_ bits: UInt64) -> Double { Double(bits >> 11) / Double(UInt64(1) << 53) }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
