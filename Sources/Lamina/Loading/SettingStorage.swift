import CLamina
import Glibc

/// Settings in the C form that a provider gets, with the texts that they point to. Secrets are wiped at the end.
final class SettingStorage: @unchecked Sendable {
    // Written once here, then only read.
    let settings: UnsafeMutableBufferPointer<lamina_setting>
    private var texts: [UnsafeMutableRawBufferPointer] = []

    /// A change of one setting, for `configure`: the first says how many values there are.
    convenience init(delivering item: Settings.Item) {
        let values: [SettingValue] = if case .list(let values) = item.value { values } else { [item.value] }
        self.init((values.isEmpty ? [item.value] : values).map { (item.name, $0) })
        settings[0].count = UInt32(values.count)
        if values.isEmpty { settings[0].text = nil }
    }

    /// The settings in order; a list gives one for each of its values.
    convenience init(_ settings: Settings) {
        let values = settings.items.flatMap { item in
            if case .list(let values) = item.value { values.map { (item.name, $0) } } else { [(item.name, item.value)] }
        }
        self.init(values)
    }

    private init(_ values: [(name: String, value: SettingValue)]) {
        self.settings = .allocate(capacity: values.count)
        for (index, (name, value)) in values.enumerated() {
            let number = value.plainNumber
            let bytes = number == nil ? value.bytes : nil
            let setting = lamina_setting(
                name: copy(Array(name.utf8)),
                type: value.number,
                count: 1,
                number: number ?? 0,
                text: bytes.map(copy),
                text_length: bytes?.count ?? 0
            )
            self.settings.initializeElement(at: index, to: setting)
        }
    }

    deinit {
        for text in texts {
            if let base = text.baseAddress { explicit_bzero(base, text.count) }
            text.deallocate()
        }
        settings.deallocate()
    }

    /// A NUL-terminated copy that lives as long as this object.
    private func copy(_ bytes: [UInt8]) -> UnsafePointer<CChar> {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
        text[bytes.count] = 0
        texts.append(UnsafeMutableRawBufferPointer(start: text, count: bytes.count + 1))
        return UnsafePointer(text)
    }
}

extension SettingValue {
    /// `LAMINA_SETTING_…`.
    fileprivate var number: UInt32 {
        switch self {
        case .bool: SettingType.bool.number
        case .integer: SettingType.integer.number
        case .size: SettingType.size.number
        case .rate: SettingType.rate.number
        case .duration: SettingType.duration.number
        case .text, .list: SettingType.text.number
        case .choice: SettingType.choice.number
        case .path: SettingType.path.number
        case .secret: SettingType.secret.number
        }
    }

    fileprivate var plainNumber: Int64? {
        boolValue.map { $0 ? 1 : 0 } ?? numberValue
    }

    fileprivate var bytes: [UInt8] {
        if case .secret(let secret) = self { secret.bytes } else { Array((textValue ?? "").utf8) }
    }
}
