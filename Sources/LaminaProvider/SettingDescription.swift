public import CLamina

/// One setting that a provider declares (`lamina_setting_declaration`).
public struct SettingDescription {
    private let name: StaticString
    private let type: Int
    private let choices: StaticString?
    private let defaultValue: StaticString?
    private let flags: Int
    private let help: StaticString

    /// A setting in its parts: `type` is `LAMINA_SETTING_…`, `choices` reads `a|b`, `default` is what is delivered
    /// where the user gives nothing, `flags` are `LAMINA_SETTING_LIVE` and so on, `help` is one line.
    public init(
        _ name: StaticString,
        _ type: Int,
        choices: StaticString? = nil,
        default: StaticString? = nil,
        flags: Int = 0,
        help: StaticString
    ) {
        self.name = name
        self.type = type
        self.choices = choices
        self.defaultValue = `default`
        self.flags = flags
        self.help = help
    }

    /// Puts the declarations into a provider's descriptor.
    public static func declare(_ settings: [SettingDescription], in provider: UnsafeMutablePointer<lamina_provider>) {
        provider.pointee.setting_count = UInt32(settings.count)
        provider.pointee.settings = Immortal.values(settings.count) { declarations in
            for (index, setting) in settings.enumerated() {
                declarations[index].name = Immortal.text(setting.name)
                declarations[index].type = UInt32(setting.type)
                declarations[index].flags = UInt32(setting.flags)
                declarations[index].choices = setting.choices.map(Immortal.text)
                declarations[index].default_value = setting.defaultValue.map(Immortal.text)
                declarations[index].help = Immortal.text(setting.help)
            }
        }
    }
}
