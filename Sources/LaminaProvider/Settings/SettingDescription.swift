import CLamina

/// One setting that a provider declares (`lamina_setting_declaration`).
public struct SettingDescription: @unchecked Sendable {
    // What it points to are literals.
    let declaration: lamina_setting_declaration

    /// A setting in its parts: `type` is `LAMINA_SETTING_…`, `choices` reads `a|b`, `default` is what is delivered
    /// where the user gives nothing, `flags` are `LAMINA_SETTING_LIVE` and so on, `help` is one line. Never fails,
    /// allocates nothing; any thread.
    public init(
        _ name: StaticString,
        _ type: Int,
        choices: StaticString? = nil,
        default: StaticString? = nil,
        flags: Int = 0,
        help: StaticString
    ) {
        self.init(
            name,
            type,
            choices: choices.map { Immortal.text($0) },
            default: `default`,
            flags: flags,
            help: Immortal.text(help)
        )
    }

    /// The same with texts that live for good.
    init(
        _ name: StaticString,
        _ type: Int,
        choices: UnsafePointer<CChar>?,
        default: StaticString?,
        flags: Int,
        help: UnsafePointer<CChar>
    ) {
        declaration = lamina_setting_declaration(
            name: Immortal.text(name),
            type: UInt32(type),
            flags: UInt32(flags),
            choices: choices,
            default_value: `default`.map { Immortal.text($0) },
            help: help
        )
    }
}
