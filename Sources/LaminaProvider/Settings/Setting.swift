import CLamina
import Glibc

/// A setting that is declared for a layer, whatever its value's type.
public protocol DeclaredSetting: Sendable {
    /// The key.
    var name: StaticString { get }
    /// What the framework and the SDK know of it.
    var declaration: SettingShape { get }
}

/// What a setting's declaration says beside its name and type. Made by `Setting`.
public struct SettingShape: Sendable {
    let type: Int
    var flags = 0
    let help: StaticString
    var defaultValue: StaticString?
    var choices: [String] = []
    var range: ClosedRange<Int>?

    /// A number as a user would write it: a time in its largest unit.
    func written(_ number: some BinaryInteger) -> String {
        guard type == LAMINA_SETTING_DURATION, number != 0 else { return String(number) }
        let units = [("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)]
        let unit = units.first { Int(number) % $0.1 == 0 } ?? ("ns", 1)
        return "\(Int(number) / unit.1)\(unit.0)"
    }

    /// The C form, whose texts live for good. A range stands at the end of the help.
    func described(_ name: StaticString) -> SettingDescription {
        var text = help.description
        if let range {
            switch (range.lowerBound, range.upperBound) {
            case (let low, .max): text += " (\(written(low)) or more)"
            case (let low, let high): text += " (\(written(low)) to \(written(high)))"
            }
        }
        return SettingDescription(
            name,
            type,
            choices: choices.isEmpty ? nil : Immortal.text(choices.joined(separator: "|")),
            default: defaultValue,
            flags: flags,
            help: Immortal.text(text)
        )
    }
}

/// One setting of a layer, declared once: its key, type, default, range, help, and whether it is live. `lamina show`, the
/// help, the checks and `lamina set` all come from it, and a layer reads it by `level[Self.setting]`.
public struct Setting<Value: Sendable>: DeclaredSetting {
    /// The key.
    public let name: StaticString
    /// What the framework and the SDK know of it.
    public let declaration: SettingShape
    let read: @Sendable (SettingCell) -> Value

    private init(
        _ name: StaticString,
        _ type: Int,
        _ default: StaticString?,
        range: ClosedRange<Int>? = nil,
        choices: [String] = [],
        isList: Bool = false,
        live: Bool,
        required: Bool,
        help: StaticString,
        read: @escaping @Sendable (SettingCell) -> Value
    ) {
        self.name = name
        self.read = read
        var shape = SettingShape(type: type, help: help, defaultValue: `default`, choices: choices, range: range)
        if live { shape.flags |= LAMINA_SETTING_LIVE }
        if required { shape.flags |= LAMINA_SETTING_REQUIRED }
        if isList { shape.flags |= LAMINA_SETTING_LIST }
        declaration = shape
    }
}

extension Setting where Value == Bool {
    /// Yes or no.
    public static func flag(
        _ name: StaticString,
        default: Bool = false,
        live: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(
            name,
            LAMINA_SETTING_BOOLEAN,
            `default` ? "yes" : "no",
            live: live,
            required: false,
            help: help
        ) { $0.number != 0 }
    }
}

extension Setting where Value == Int {
    /// A whole number. `default` is written as a user would write it; without one, and not given, it reads 0.
    public static func integer(
        _ name: StaticString,
        in range: ClosedRange<Int>? = nil,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        number(name, LAMINA_SETTING_INTEGER, range, `default`, live, required, help)
    }

    /// A number of bytes: `64k`. `range` is in bytes.
    public static func size(
        _ name: StaticString,
        in range: ClosedRange<Int>? = nil,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        number(name, LAMINA_SETTING_SIZE, range, `default`, live, required, help)
    }

    /// Bits a second: `1mbit`. `range` is in bits a second.
    public static func rate(
        _ name: StaticString,
        in range: ClosedRange<Int>? = nil,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        number(name, LAMINA_SETTING_RATE, range, `default`, live, required, help)
    }

    /// Time in nanoseconds: `200ms`. `range` is in nanoseconds.
    public static func duration(
        _ name: StaticString,
        in range: ClosedRange<Int>? = nil,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        number(name, LAMINA_SETTING_DURATION, range, `default`, live, required, help)
    }

    private static func number(
        _ name: StaticString,
        _ type: Int,
        _ range: ClosedRange<Int>?,
        _ default: StaticString?,
        _ live: Bool,
        _ required: Bool,
        _ help: StaticString
    ) -> Setting {
        Setting(name, type, `default`, range: range, live: live, required: required, help: help) { Int($0.number) }
    }
}

extension Setting where Value == String {
    /// Any text. Without a default, and not given, it reads empty.
    public static func text(
        _ name: StaticString,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(name, LAMINA_SETTING_TEXT, `default`, live: live, required: required, help: help) { $0.text }
    }

    /// A file's path; not checked for existence.
    public static func path(
        _ name: StaticString,
        default: StaticString? = nil,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(name, LAMINA_SETTING_PATH, `default`, live: live, required: required, help: help) { $0.text }
    }

    /// Text that no list, log or trace shows.
    public static func secret(
        _ name: StaticString,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(name, LAMINA_SETTING_SECRET, nil, live: live, required: required, help: help) { $0.text }
    }
}

extension Setting where Value == [String] {
    /// Texts: the key may be repeated, and each is kept in order.
    public static func texts(
        _ name: StaticString,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(name, LAMINA_SETTING_TEXT, nil, isList: true, live: live, required: required, help: help) { $0.texts }
    }

    /// Some of these choices: the key may be repeated, and each is kept in order.
    public static func choices(
        _ name: StaticString,
        among choices: [String],
        live: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(
            name,
            LAMINA_SETTING_CHOICE,
            nil,
            choices: choices,
            isList: true,
            live: live,
            required: false,
            help: help
        ) { $0.texts }
    }

    /// Paths: the key may be repeated, and each is kept in order.
    public static func paths(
        _ name: StaticString,
        live: Bool = false,
        required: Bool = false,
        help: StaticString
    ) -> Setting {
        Setting(name, LAMINA_SETTING_PATH, nil, isList: true, live: live, required: required, help: help) { $0.texts }
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enumeration's raw values. `default` is one of them as well.
    public static func choice(
        _ name: StaticString,
        default: StaticString,
        live: Bool = false,
        help: StaticString
    ) -> Setting {
        let fallback = Value(rawValue: `default`.description) ?? Value.allCases.first
        guard let fallback else { preconditionFailure("the enumeration of setting \(name) has no cases") }
        return Setting(
            name,
            LAMINA_SETTING_CHOICE,
            `default`,
            choices: Value.allCases.map(\.rawValue),
            live: live,
            required: false,
            help: help
        ) { Value(rawValue: $0.text) ?? fallback }
    }
}
