/// A level's settings, checked against what its provider declares: each declared key that has a value, in the order of
/// the declarations.
public struct Settings: Sendable, Equatable {
    /// One setting.
    public struct Item: Sendable, Equatable {
        /// The key.
        public let name: String
        /// The value.
        public let value: SettingValue
        /// Whether the user gave it, rather than the declaration's default.
        public let isGiven: Bool
    }

    /// The settings that have a value.
    public private(set) var items: [Item] = []

    /// No settings.
    public init() {}

    /// The value of a key, where it has one.
    public subscript(name: String) -> SettingValue? {
        items.first { $0.name == name }?.value
    }

    /// Checks a layer's settings against its provider's declarations and adds the defaults.
    ///
    /// Unknown keys (with the nearest one), values of the wrong type, a repeated key that takes one value, and missing
    /// required ones are refused. `@FILE` and `env:NAME` are read here, which blocks for the file; their values are
    /// secrets whatever the declared type, so only text, path and secret settings take them.
    public init(of layer: LayerSpecification, declared: [SettingDeclaration]) throws(LaminaError) {
        let subject = "layer \"\(layer.label)\""
        for setting in layer.settings where !declared.contains(where: { $0.name == setting.key }) {
            let names = declared.map(\.name) + LayerSpecification.frameworkKeys
            throw LaminaError(
                .invalidSetting,
                subject,
                "has no setting \"\(setting.key)\"",
                remedy: Suggestion.remedy(
                    for: setting.key,
                    among: names,
                    otherwise: "its settings are \(names.joined(separator: ", "))"
                )
            )
        }
        for declaration in declared {
            let given = layer.settings.first { $0.key == declaration.name }
            let name = "\(subject): \(declaration.name)"
            var values: [SettingValue] = []
            for written in given?.values ?? declaration.default.map({ [.bare($0)] }) ?? [] {
                values += try declaration.values(of: written, for: name)
            }
            guard given != nil || !values.isEmpty else {
                guard !declaration.isRequired else {
                    throw LaminaError(
                        .invalidSetting,
                        name,
                        "must be given",
                        remedy: "write \(layer.name):\(declaration.name)=…"
                    )
                }
                continue
            }
            var value = SettingValue.list(values)
            if !declaration.isList {
                guard values.count == 1, let only = values.first else {
                    throw LaminaError(
                        .invalidSetting,
                        name,
                        "is given \(values.count) times",
                        remedy: "it takes one value"
                    )
                }
                value = only
            }
            items.append(Item(name: declaration.name, value: value, isGiven: given != nil))
        }
    }
}

extension Settings {
    /// Sets a key's value, as given.
    mutating func set(_ name: String, to value: SettingValue) {
        let item = Item(name: name, value: value, isGiven: true)
        if let index = items.firstIndex(where: { $0.name == name }) { items[index] = item } else { items.append(item) }
    }

    /// One key alone.
    func only(_ name: String) -> Settings {
        var settings = Settings()
        settings.items = items.filter { $0.name == name }
        return settings
    }
}

extension Settings: CustomStringConvertible {
    /// `key=value,…`, with secrets as `•••`.
    public var description: String {
        items.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    }
}

extension SettingDeclaration {
    /// The values that one written value gives: one, or those of a bracketed list where this setting is a list.
    func values(of written: WrittenValue, for subject: String) throws(LaminaError) -> [SettingValue] {
        switch written {
        case .bare(let text):
            guard isList, let inside = LayerGrammar.bracketed(text) else { break }
            var values: [SettingValue] = []
            for part in inside.isEmpty ? [] : try LayerGrammar.split(inside) {
                values.append(try value(of: try LayerGrammar.value(part), for: subject))
            }
            return values
        case .quoted, .file, .environment, .secret: break
        }
        return [try value(of: written, for: subject)]
    }

    private func value(of written: WrittenValue, for subject: String) throws(LaminaError) -> SettingValue {
        switch written {
        case .bare, .quoted: return try type.value(of: written, choices: choices, for: subject)
        case .file, .environment, .secret:
            switch type {
            case .text, .path, .secret: return .secret(try Secret(of: written, for: subject))
            case .bool, .integer, .size, .rate, .duration, .choice:
                return try type.value(of: written, for: subject)
            }
        }
    }
}

extension Secret {
    /// Reads the secret that `@FILE` or `env:NAME` refers to: the file without its last newline, at most 64 KiB.
    init(of written: WrittenValue, for subject: String) throws(LaminaError) {
        switch written {
        case .bare(let text), .quoted(let text): self.init(text)
        case .secret(let secret): self = secret
        case .file(let path):
            var bytes: [UInt8]
            do {
                bytes = try File.read(path, limit: 64 << 10).bytes
            } catch {
                throw LaminaError(
                    .invalidSetting,
                    subject,
                    "\(path) \(error.cause)",
                    remedy: error.remedy,
                    errno: error.errno
                )
            }
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            self.init(bytes)
        case .environment(let name):
            guard let value = Environment.value(of: name) else {
                throw LaminaError(
                    .invalidSetting,
                    subject,
                    "the environment has no \(name)",
                    remedy: "export \(name)"
                )
            }
            self.init(value)
        }
    }
}
