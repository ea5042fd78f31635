import CLamina

/// What a plug-in says about one of its layers (`lamina_provider`): made once, from literals. The framework checks it when
/// it loads the file.
public struct LayerDescription: Sendable {
    /// What a layer does to data.
    public enum Effect: Int, Sendable {
        /// Sees control calls only; data pass at native speed.
        case none = 0
        /// Sees data calls, may delay or refuse them, changes and keeps no byte.
        case observe = 1
        /// Changes, keeps or invents data.
        case transform = 2
    }

    /// How its sockets go to another process.
    public enum Handoff: Int, Sendable {
        /// Both use them at once; the layer's state begins anew there, unless it conforms to `HandsOver`.
        case share = 0
        /// The first process gives them up; takes `HandsOver`.
        case move = 1
        /// They don't.
        case none = 2
    }

    /// Where it belongs in a derived order, from the program down (the Winsock LSP categories).
    public enum Phase: Int, Sendable {
        /// Anywhere.
        case none = 0
        /// LSP_INSPECTOR.
        case inspector = 0x1
        /// LSP_FIREWALL.
        case firewall = 0x8
        /// LSP_REDIRECTOR.
        case redirector = 0x2
        /// LSP_PROXY.
        case proxy = 0x4
        /// LSP_INBOUND_MODIFY.
        case inboundModify = 0x10
        /// LSP_OUTBOUND_MODIFY.
        case outboundModify = 0x20
        /// LSP_CRYPTO_COMPRESS.
        case cryptoCompress = 0x40
        /// LSP_LOCAL_CACHE.
        case localCache = 0x80
        /// LSP_SYSTEM: next to the base.
        case system = 0x8000_0000
    }

    /// What sockets are for (WSK's socket categories).
    public struct Categories: OptionSet, Sendable {
        /// `LAMINA_BASIC` and so on.
        public let rawValue: UInt32
        /// These categories.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Control only.
        public static let basic = Categories(rawValue: UInt32(LAMINA_BASIC))
        /// Takes connections.
        public static let listen = Categories(rawValue: UInt32(LAMINA_LISTEN))
        /// Sends and receives datagrams.
        public static let datagram = Categories(rawValue: UInt32(LAMINA_DATAGRAM))
        /// Connects, or was accepted.
        public static let connection = Categories(rawValue: UInt32(LAMINA_CONNECTION))
        /// Listens or connects, decided by the first such call.
        public static let stream = Categories(rawValue: UInt32(LAMINA_STREAM))
        /// All.
        public static let all: Categories = [.basic, .listen, .datagram, .connection, .stream]
        /// Those that connect and are accepted, with their listeners.
        public static let streams: Categories = [.listen, .connection, .stream]
    }

    let name: StaticString
    let summary: StaticString
    let version: StaticString
    let uuid: StaticString?
    var effect: Effect
    var handoff: Handoff
    let phase: Phase
    var categories: Categories
    let reorders: Bool
    let onlyNames: Bool
    let settings: [any DeclaredSetting]
    let before: StaticString?
    let after: StaticString?
    let conflicts: StaticString?
    let requires: StaticString?
    let extensions: [ExtensionDeclaration]
    /// Whether the type has rules to print: it says so by its conformance.
    var hasRules = false
    /// Whether the type ends the columns of its sockets: it says so by its conformance.
    var isTerminating = false
    /// Whether the type touches data only until a connection stands: likewise.
    var handshakes = false

    /// Describes a layer. Allocates nothing beside its list of settings; never fails.
    ///
    /// - Parameters:
    ///   - name: What chains and catalogs call it.
    ///   - effect: The most that it does to data. A layer that sees a data entry says at least `observe`, or makes no level.
    ///   - summary: One line for lists.
    ///   - version: Its version, for lists.
    ///   - uuid: Its identity for good (ProviderId), as UUID text; nil for a layer that nobody installs.
    ///   - handoff: How its sockets go to another process.
    ///   - phase: Its place in a derived order.
    ///   - categories: The sockets that it stands in; in others it is absent.
    ///   - reorders: Whether it reorders datagrams on purpose.
    ///   - onlyNames: Whether its calls of sockets are about destinations that are names alone, so that others need not pass
    ///     it.
    ///   - settings: What its user may set.
    ///   - before: Layers that stand nearer to the base, with commas between their names.
    ///   - after: Layers that stand nearer to the program, likewise.
    ///   - conflicts: Layers that may not stand in the same chain, likewise.
    ///   - requires: Layers that must stand in the same chain, likewise.
    ///   - extensions: Extensions whose functions it describes, for levels that were compiled without them.
    public init(
        _ name: StaticString,
        effect: Effect = .none,
        summary: StaticString = "",
        version: StaticString = "1.0",
        uuid: StaticString? = nil,
        handoff: Handoff = .share,
        phase: Phase = .none,
        categories: Categories = .all,
        reorders: Bool = false,
        onlyNames: Bool = false,
        settings: [any DeclaredSetting] = [],
        before: StaticString? = nil,
        after: StaticString? = nil,
        conflicts: StaticString? = nil,
        requires: StaticString? = nil,
        extensions: [ExtensionDeclaration] = []
    ) {
        self.name = name
        self.effect = effect
        self.summary = summary
        self.version = version
        self.uuid = uuid
        self.handoff = handoff
        self.phase = phase
        self.categories = categories
        self.reorders = reorders
        self.onlyNames = onlyNames
        self.settings = settings
        self.before = before
        self.after = after
        self.conflicts = conflicts
        self.requires = requires
        self.extensions = extensions
    }
}
