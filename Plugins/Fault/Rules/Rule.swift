/// What the user wants to go wrong, and when.
public struct Rule: Sendable, Equatable {
    /// What goes wrong.
    public enum Kind: String, CaseIterable, Sendable {
        case refuse, timeout, error, reset, stall, close
        case slowClose = "slow-close"
        case short, loss, duplicate, reorder

        /// Whether it is something that happens to datagrams alone.
        public var isOfDatagrams: Bool { self == .loss || self == .duplicate || self == .reorder }
    }

    /// Which calls it is about.
    public enum Place: String, CaseIterable, Sendable { case connect, up, down }

    /// How often.
    public enum Chance: Sendable, Equatable {
        case always
        /// Of each socket, decided when it opens: from 0 to 1.
        case socket(Double)
        /// Of each call, decided when it comes: from 0 to 1.
        case call(Double)
    }

    /// From when on.
    public enum Start: Sendable, Equatable {
        case atOnce
        /// So many bytes have gone that way, in this socket.
        case bytes(UInt64)
        /// So many nanoseconds after the socket was opened.
        case time(Int64)
    }

    /// The rule as it was written.
    public let text: String
    /// What goes wrong.
    public let kind: Kind
    /// Which calls it is about; at least one.
    public internal(set) var places: Set<Place>
    /// How often.
    public internal(set) var chance = Chance.always
    /// From when on.
    public internal(set) var start = Start.atOnce
    /// How often at the most, by all sockets together.
    public internal(set) var count = UInt64.max
    /// How long it lasts, in nanoseconds; nil: for good, or no time at all.
    public internal(set) var duration: Int64?
    /// The bytes of a piece, at least 1.
    public internal(set) var size = 1
    /// The errno of `error`, a positive one; 0 of others.
    public internal(set) var errno: Int32 = 0
}
