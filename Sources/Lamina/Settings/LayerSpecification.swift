/// A layer as a command line, a named chain or a policy names it: `NAME[=LABEL][:key=value,…]`.
///
/// NAME is a catalog entry's name, or a path where it contains `/`. The keys `when`, `except` and `required` are the
/// framework's; every other key is a setting of the provider, checked later against its declarations by `Settings`.
public struct LayerSpecification: Sendable, Equatable {
    /// A setting as written: the key and its values, more than one where the key is repeated.
    public struct Setting: Sendable, Equatable {
        /// The key.
        public var key: String
        /// The values in the order written.
        public var values: [WrittenValue]

        /// A setting as written.
        public init(key: String, values: [WrittenValue]) {
            self.key = key
            self.values = values
        }
    }

    /// The entry's name, or the path of a shared object.
    public var name: String
    /// What this level is called in its chain; the name (of a path, the file's) where none was given.
    public var label: String
    /// Whether a label was given.
    public var hasOwnLabel: Bool
    /// The provider's settings as written, in the order of their first appearance.
    public var settings: [Setting]
    /// When the level is linked.
    public var conditions: Conditions
    /// Whether an open fails without this layer; nil where nothing was said.
    public var required: Bool?

    /// A specification in its parts.
    public init(
        name: String,
        label: String? = nil,
        settings: [Setting] = [],
        conditions: Conditions = Conditions(),
        required: Bool? = nil
    ) {
        self.name = name
        self.label = label ?? Self.label(for: name)
        hasOwnLabel = label != nil
        self.settings = settings
        self.conditions = conditions
        self.required = required
    }

    /// Whether the name is a path rather than a catalog entry's name.
    public var isPath: Bool { name.utf8.contains(UInt8(ascii: "/")) }

    /// The keys that every layer takes and no provider may declare.
    public static let frameworkKeys = ["when", "except", "required"]

    private static func label(for name: String) -> String {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        return file.hasSuffix(".so") && file.utf8.count > 3 ? String(file.dropLast(3)) : file
    }
}

extension LayerSpecification: CustomStringConvertible {
    /// The name, the label and the keys. Values are left out, because which of them are secret is only known once they
    /// are checked against the provider's declarations.
    public var description: String {
        let head = hasOwnLabel ? "\(name)=\(label)" : name
        return settings.isEmpty ? head : head + ":" + settings.map { "\($0.key)=…" }.joined(separator: ",")
    }
}

/// A value as written, before its type is known.
public enum WrittenValue: Sendable, Equatable {
    /// Bare text; brackets and what they hold stand in it unchanged.
    case bare(String)
    /// Text that was quoted, at least in part, without its quotes; it stands for itself alone.
    case quoted(String)
    /// `@FILE`: the file's content, without its last newline; a secret.
    case file(String)
    /// `env:NAME`: an environment variable; a secret.
    case environment(String)
    /// A secret that is at hand already.
    case secret(Secret)

    /// Reads what may stand behind `key=`. Throws where a quote or a bracket isn't closed.
    public init(parsing text: String) throws(LaminaError) {
        self = try LayerGrammar.value(Substring(text))
    }
}
