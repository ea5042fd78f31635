/// The type of a setting's value.
public enum SettingType: String, Sendable, CaseIterable {
    /// `yes`, `true`, `on`, `1` or `no`, `false`, `off`, `0`; the key alone means yes.
    case bool
    /// A whole number: `12`, `10k`.
    case integer
    /// Bytes: `64k`, `1MB`.
    case size
    /// Bits per second: `1mbit`.
    case rate
    /// Time, in nanoseconds: `200ms`.
    case duration
    /// Any text.
    case text
    /// One of the declared choices.
    case choice
    /// A file's path; not checked for existence.
    case path
    /// Text that is never shown.
    case secret

    /// The kind of number that this type is, where it is one.
    public var quantity: Quantity? {
        switch self {
        case .integer: .integer
        case .size: .size
        case .rate: .rate
        case .duration: .duration
        case .bool, .text, .choice, .path, .secret: nil
        }
    }
}

/// What a provider says about one of its settings.
public struct SettingDeclaration: Sendable, Equatable {
    /// The key.
    public var name: String
    /// The value's type (each element's, where it is a list).
    public var type: SettingType
    /// The values that a choice may have.
    public var choices: [String]
    /// The value where none is given, as a user would write it.
    public var `default`: String?
    /// One line of help.
    public var help: String
    /// Whether it can be changed while sockets are open (the table's `configure` entry).
    public var isLive: Bool
    /// Whether a value must be given.
    public var isRequired: Bool
    /// Whether it takes several values, by repeating the key or as `[a,b]`.
    public var isList: Bool

    /// A declaration in its parts.
    public init(
        name: String,
        type: SettingType,
        choices: [String] = [],
        default: String? = nil,
        help: String = "",
        isLive: Bool = false,
        isRequired: Bool = false,
        isList: Bool = false
    ) {
        self.name = name
        self.type = type
        self.choices = choices
        self.default = `default`
        self.help = help
        self.isLive = isLive
        self.isRequired = isRequired
        self.isList = isList
    }
}
