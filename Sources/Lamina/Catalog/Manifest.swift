/// What a manifest says about one provider.
///
/// A manifest is a JSON object in a file of its own that ends in `.json`. `format`, `library` and `kind` must be there,
/// `effect` too for a layer; `name` is the file's name without `.json` where it isn't given. Unknown keys are refused
/// unless they begin with `x-`, so that a misspelt one can't be lost. A manifest written by hand:
///
///     {
///       "format": 1, "name": "shape", "version": "1.0", "summary": "limits the rate of what is sent",
///       "library": "libShape.so", "kind": "layered", "phase": "outbound-modify", "effect": "observe",
///       "handoff": "share", "before": ["tls"], "categories": ["connection", "stream"], "abi": {"min": 1, "max": 1},
///       "settings": [{"name": "rate", "type": "rate", "default": "1mbit", "help": "bits per second", "live": true}]
///     }
///
/// A base lists what it serves: `"protocols": [{"family": "inet", "type": "stream", "protocol": "tcp"}]`.
public struct Manifest: Sendable, Equatable {
    /// The `format` that is read and written.
    public static let format: Int64 = 1

    /// The name by which a chain asks for the provider.
    public var name: String
    /// The provider's identity for good (ProviderId), as UUID text.
    public var uuid = ""
    /// The provider's own version.
    public var version = ""
    /// One line for lists.
    public var summary = ""
    /// The shared object, as written; see `CatalogDirectory.library(_:)` for what it is relative to.
    public var library: String
    /// What the provider is.
    public var kind: ProviderKind
    /// Where a derived order puts it.
    public var phase = Phase.none
    /// Providers that it must stand above (nearer to the program) where both are in a chain.
    public var before: [String] = []
    /// Providers that it must stand below (nearer to the base).
    public var after: [String] = []
    /// Providers that it can't share a chain with.
    public var conflicts: [String] = []
    /// Providers that must be in the chain too.
    public var requires: [String] = []
    /// The most that it does to data, whatever its settings.
    public var effect: Effect
    /// How sockets with it can be handed to another process.
    public var handoff = Handoff.none
    /// Whether an open fails without it; nil leaves it to phase and effect.
    public var required: Bool?
    /// Whether a base is chosen by name only, never by family, type and protocol (PFL_HIDDEN).
    public var isHidden = false
    /// Whether its tables may hold libffi closures (`LAMINA_PROVIDER_GENERIC`).
    public var isGeneric = false
    /// Whether it reorders datagrams on purpose (`LAMINA_PROVIDER_REORDERS`).
    public var reorders = false
    /// Whether it touches data only while a stream connects (`LAMINA_PROVIDER_HANDSHAKES`).
    public var handshakes = false
    /// Whether it need not see what goes to destinations that are no names (`LAMINA_PROVIDER_ONLY_NAMES`).
    public var onlyNames = false
    /// Whether its levels have a table of rules that can be printed (`lamina_provider.rules`).
    public var hasRules = false
    /// The socket categories that it stands in.
    public var categories = SocketCategories.all
    /// What a base offers.
    public var protocols: [ProtocolEntry] = []
    /// The ABI versions that it speaks.
    public var abi: ClosedRange<UInt32> = 1...1
    /// Its settings.
    public var settings: [SettingDeclaration] = []
    /// Extensions whose functions it describes, its own or others'.
    public var extensions: [ExtensionDescription] = []
    /// The entries that its table fills with default settings, by name, as the install probe saw them.
    public var entries: [String] = []
    /// The indications that it fills.
    public var indications: [String] = []
    /// The library's SHA-256 in hexadecimal, where install pinned it.
    public var sha256: String?
    /// The pinned library's identity: while it holds, the hash isn't computed again.
    public var identity: FileIdentity?
    /// Who installed the library, when and from where; nil where a package or a hand did.
    public var installation: Installation?

    /// A manifest with its necessary parts.
    public init(name: String, library: String, kind: ProviderKind, effect: Effect) {
        self.name = name
        self.library = library
        self.kind = kind
        self.effect = effect
    }

    /// Whether an open fails without this layer when nobody says otherwise: firewalls, redirectors, proxies and
    /// everything that transforms.
    public var isRequired: Bool {
        required ?? (kind != .base && (phase.isRequired || effect == .transform))
    }
}

extension Manifest {
    /// Reads a manifest that stands in one file.
    public init(parsing bytes: [UInt8], file: String) throws(LaminaError) {
        let json = try JSON(parsing: bytes, named: file, code: .invalidManifest)
        guard let object = json.objectValue else {
            throw LaminaError(.invalidManifest, file, "holds \(json.kind) where a manifest is an object")
        }
        try self.init(ManifestReader(object: object) { _ in file }, stem: Self.stem(of: file))
    }

    /// The name of a manifest file without `.json`.
    static func stem(of file: String) -> String {
        let name = File.name(of: file)
        return name.hasSuffix(".json") ? String(name.dropLast(5)) : name
    }

    private static let keys = [
        "format", "name", "uuid", "version", "summary", "library", "kind", "phase", "before", "after", "conflicts",
        "requires", "effect", "handoff", "required", "hidden", "generic", "reorders", "handshakes",
        "onlyNames", "rules", "categories", "protocols", "abi", "settings", "extensions", "entries", "indications",
        "sha256",
        "identity",
        "installation", "masked", "reason",
    ]

    /// Reads the members of one manifest, or of several that were merged.
    init(_ reader: ManifestReader, stem: String) throws(LaminaError) {
        guard let format = try reader.integer("format") else {
            throw reader.missing("format", "add \"format\": \(Self.format)")
        }
        guard format == Self.format else {
            throw reader.error(
                "format",
                "is \(format), and this Lamina reads \(Self.format)",
                remedy: "install a newer Lamina"
            )
        }
        try reader.refuseUnknown(Self.keys)
        let name = try reader.name("name") ?? stem
        guard let library = try reader.text("library"), !library.isEmpty else {
            throw reader.missing("library", "name the shared object")
        }
        guard let kind = try reader.choice("kind", ProviderKind.self) else {
            throw reader.missing("kind", "say base, layered or terminating")
        }
        let effect = try reader.choice("effect", Effect.self)
        guard effect != nil || kind == .base else {
            throw reader.missing("effect", "say none, observe or transform")
        }
        self.init(name: name, library: library, kind: kind, effect: effect ?? .none)
        uuid = try reader.text("uuid") ?? ""
        version = try reader.text("version") ?? ""
        summary = try reader.text("summary") ?? ""
        phase = try reader.choice("phase", Phase.self) ?? .none
        before = try reader.names("before")
        after = try reader.names("after")
        conflicts = try reader.names("conflicts")
        requires = try reader.names("requires")
        handoff = try reader.choice("handoff", Handoff.self) ?? .none
        required = try reader.bool("required")
        isHidden = try reader.bool("hidden") ?? false
        isGeneric = try reader.bool("generic") ?? false
        reorders = try reader.bool("reorders") ?? false
        handshakes = try reader.bool("handshakes") ?? false
        onlyNames = try reader.bool("onlyNames") ?? false
        hasRules = try reader.bool("rules") ?? false
        if let bits = try reader.flags("categories", SocketCategories.names.map { ($0.name, $0.value.rawValue) }) {
            categories = SocketCategories(rawValue: bits)
        }
        for item in try reader.objects("protocols") { protocols.append(try ProtocolEntry(item)) }
        if let item = try reader.object("abi") {
            let (low, high) = (try item.integer("min") ?? 1, try item.integer("max") ?? 1)
            guard low >= 1, low <= high, high <= UInt32.max else {
                throw reader.error("abi", "is no range of versions", remedy: "write {\"min\": 1, \"max\": 1}")
            }
            abi = UInt32(low)...UInt32(high)
        }
        for item in try reader.objects("settings") {
            let setting = try SettingDeclaration(item)
            if settings.contains(where: { $0.name == setting.name }) {
                throw item.error("name", "\"\(setting.name)\" is declared twice", remedy: "remove one")
            }
            settings.append(setting)
        }
        for item in try reader.objects("extensions") {
            let described = try ExtensionDescription(item)
            if extensions.contains(where: { $0.uuid == described.uuid }) {
                throw item.error("uuid", "\"\(described.uuid)\" is described twice", remedy: "remove one")
            }
            extensions.append(described)
        }
        entries = try reader.texts("entries")
        indications = try reader.texts("indications")
        sha256 = try reader.text("sha256")
        if let item = try reader.object("identity") { identity = try FileIdentity(item) }
        if let item = try reader.object("installation") { installation = try Installation(item) }
    }
}
