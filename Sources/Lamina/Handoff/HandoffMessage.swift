import CLamina
import Glibc

/// What the two processes say to each other at the rendezvous, a packet each.
package enum HandoffMessage: Equatable {
    /// Target: this is the value.
    case redeem([UInt8])
    /// Source: this is the chain.
    case chain(ChainDescription)
    /// Target: it is made.
    case ready
    /// Source: this is the socket; descriptors travel beside it.
    case state(HandoffState)
    /// Target: it stands.
    case adopted
    /// Source: it is yours.
    case commit
    /// Either: no, for this reason, with the label of the level that it is about where there is one.
    case refused(errno: Int32, reason: String, level: String)

    /// The longest packet in bytes.
    package static let longest = 192 * 1024
    private static let magic: UInt32 = 0x4d4d_414c
    private static let version: UInt16 = 1

    private var kind: UInt16 {
        switch self {
        case .redeem: 1
        case .chain: 2
        case .ready: 3
        case .state: 4
        case .adopted: 5
        case .commit: 6
        case .refused: 7
        }
    }

    /// The packet.
    package var bytes: [UInt8] {
        var writer = HandoffWriter()
        writer.number(Self.magic)
        writer.number(Self.version)
        writer.number(kind)
        switch self {
        case .redeem(let value): writer.raw(value)
        case .chain(let description): description.write(to: &writer)
        case .state(let state): state.write(to: &writer)
        case .refused(let errno, let reason, let level):
            writer.number(errno)
            writer.text(reason)
            writer.text(level)
        case .ready, .adopted, .commit: break
        }
        return writer.bytes
    }

    /// Reads a packet, from anybody. Throws `invalidArgument`.
    package init(parsing bytes: [UInt8]) throws(LaminaError) {
        var reader = HandoffReader(bytes, subject: "handoff message")
        guard bytes.count <= Self.longest else { throw reader.error("has \(bytes.count) bytes") }
        guard try reader.number(UInt32.self) == Self.magic else { throw reader.error("doesn't begin as one") }
        let version = try reader.number(UInt16.self)
        guard version == Self.version else { throw reader.error("is of version \(version), not \(Self.version)") }
        switch try reader.number(UInt16.self) {
        case 1: self = .redeem(try reader.raw(ProtocolInfo.size))
        case 2: self = .chain(try ChainDescription(&reader))
        case 3: self = .ready
        case 4: self = .state(try HandoffState(&reader))
        case 5: self = .adopted
        case 6: self = .commit
        case 7:
            let errno = try reader.number(Int32.self)
            guard (1...4095).contains(errno) else { throw reader.error("has \(errno) for an error") }
            self = .refused(errno: errno, reason: try reader.text(), level: try reader.text())
        case let kind: throw reader.error("is of the unknown kind \(kind)")
        }
        try reader.finish()
    }
}

/// What a socket is, beside its chain, and each level's state of it.
package struct HandoffState: Equatable {
    /// What one level wrote.
    package struct Level: Equatable {
        /// Its place in the column, 1 being the first.
        package var place: Int
        /// Its label and its provider's identity, which must be the target's.
        package var label: String
        package var uuid: String
        /// Its layout's version, and the bytes; nil where it has no state.
        package var version: UInt32
        package var bytes: [UInt8]?
        /// How many of the descriptors beside the packet are its own.
        package var descriptorCount: Int

        package init(
            place: Int,
            label: String,
            uuid: String,
            version: UInt32,
            bytes: [UInt8]?,
            descriptorCount: Int
        ) {
            self.place = place
            self.label = label
            self.uuid = uuid
            self.version = version
            self.bytes = bytes
            self.descriptorCount = descriptorCount
        }
    }

    package var family: Int32
    package var type: Int32
    package var proto: Int32
    package var category: UInt32
    package var mode: HandoffMode
    /// Which levels are linked, and whether a destination will decide that.
    package var active: UInt64
    package var waits: Bool
    /// Whether it was accepted, and the name that its program asked for.
    package var isInbound: Bool
    package var name: String?
    package var levels: [Level]

    package init(
        family: Int32,
        type: Int32,
        category: SocketCategories,
        mode: HandoffMode,
        active: UInt64,
        name: String?,
        levels: [Level]
    ) {
        (self.family, self.type, proto) = (family, type, 0)
        self.category = category.rawValue
        self.mode = mode
        self.active = active
        (waits, isInbound) = (false, true)
        self.name = name
        self.levels = levels
    }

    func write(to writer: inout HandoffWriter) {
        for number in [family, type, proto] { writer.number(number) }
        for number in [category, mode.rawValue] { writer.number(number) }
        writer.number(active)
        for flag in [waits, isInbound, name != nil] { writer.number(UInt8(flag ? 1 : 0)) }
        writer.text(name ?? "")
        writer.number(UInt32(levels.count))
        for level in levels {
            writer.number(UInt32(level.place))
            writer.text(level.label)
            writer.text(level.uuid)
            writer.number(level.version)
            writer.number(UInt8(level.bytes == nil ? 0 : 1))
            writer.data(level.bytes ?? [])
            writer.number(UInt32(level.descriptorCount))
        }
    }

    init(_ reader: inout HandoffReader) throws(LaminaError) {
        (family, type, proto) = (try reader.number(), try reader.number(), try reader.number())
        category = try reader.number()
        guard category.nonzeroBitCount == 1, SocketCategories(rawValue: category).isSubset(of: .all) else {
            throw reader.error("has no category")
        }
        guard let mode = HandoffMode(rawValue: try reader.number()) else { throw reader.error("has no mode") }
        self.mode = mode
        active = try reader.number()
        waits = try reader.flag()
        isInbound = try reader.flag()
        let hasName = try reader.flag()
        let text = try reader.text()
        name = hasName ? text : nil
        levels = []
        for _ in 0..<(try reader.count(ofAtLeast: 25)) {
            let place = Int(try reader.number(UInt32.self))
            guard (1...61).contains(place), !levels.contains(where: { $0.place == place }) else {
                throw reader.error("has a level at \(place)")
            }
            let (label, uuid) = (try reader.text(), try reader.text())
            let version = try reader.number(UInt32.self)
            let hasState = try reader.flag()
            let bytes = try reader.data()
            let count = Int(try reader.number(UInt32.self))
            guard count <= HandoffState.mostDescriptors else { throw reader.error("has too many descriptors") }
            levels.append(
                Level(
                    place: place,
                    label: label,
                    uuid: uuid,
                    version: version,
                    bytes: hasState ? bytes : nil,
                    descriptorCount: count
                )
            )
        }
    }

    init(of state: ColumnState, mode: HandoffMode, levels: [Level]) {
        (family, type, proto, category) = (state.family, state.type, state.proto, state.category)
        self.mode = mode
        active = state.active
        waits = state.waits
        isInbound = state.origin.isInbound
        name = state.origin.name
        self.levels = levels
    }

    /// The most descriptors of one level.
    static let mostDescriptors = 16
}

extension HandoffReader {
    mutating func flag() throws(LaminaError) -> Bool {
        switch try number(UInt8.self) {
        case 0: false
        case 1: true
        case let other: throw error("has \(other) for yes or no")
        }
    }
}
