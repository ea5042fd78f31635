/// Takes typed values out of a manifest's object; what is wrong is named by file and key.
struct ManifestReader {
    let object: JSON.Object
    /// What stands before a key in messages, such as `settings[0].`.
    var prefix = ""
    /// The file that a top-level key came from.
    let file: (String) -> String

    init(object: JSON.Object, file: @escaping (String) -> String) {
        self.object = object
        self.file = file
    }

    func error(_ key: String, _ cause: String, remedy: String) -> LaminaError {
        LaminaError(.invalidManifest, "\(file(key)): key \"\(prefix)\(key)\"", cause, remedy: remedy)
    }

    func missing(_ key: String, _ remedy: String) -> LaminaError {
        error(key, "is missing", remedy: remedy)
    }

    private func wrong(_ key: String, _ value: JSON, _ wanted: String) -> LaminaError {
        error(key, "is \(value.kind) where \(wanted) is expected", remedy: "correct the manifest")
    }

    private func value<Value>(
        _ key: String,
        _ wanted: String,
        _ convert: (JSON) -> Value?
    ) throws(LaminaError) -> Value? {
        guard let json = object[key] else { return nil }
        guard let value = convert(json) else { throw wrong(key, json, wanted) }
        return value
    }

    func bool(_ key: String) throws(LaminaError) -> Bool? {
        try value(key, "a boolean", \.boolValue)
    }

    func integer(_ key: String) throws(LaminaError) -> Int64? {
        try value(key, "an integer", \.integerValue)
    }

    /// One line of text.
    func text(_ key: String) throws(LaminaError) -> String? {
        let text = try value(key, "a string", \.stringValue)
        if let text { try checkLine(text, key) }
        return text
    }

    private func checkLine(_ text: String, _ key: String) throws(LaminaError) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error(key, "holds a control character", remedy: "write one line of text")
        }
    }

    /// A provider's or a setting's name.
    func name(_ key: String) throws(LaminaError) -> String? {
        let name = try text(key)
        if let name { try checkName(name, key) }
        return name
    }

    private func checkName(_ name: String, _ key: String) throws(LaminaError) {
        guard LayerGrammar.isName(name) else {
            throw error(
                key,
                "\"\(name)\" is no name",
                remedy: "a name has up to 64 letters, digits, '.', '_' and '-'"
            )
        }
    }

    func texts(_ key: String) throws(LaminaError) -> [String] {
        var texts: [String] = []
        for (index, element) in (try value(key, "an array of strings", \.arrayValue) ?? []).enumerated() {
            guard let text = element.stringValue else { throw wrong("\(key)[\(index)]", element, "a string") }
            try checkLine(text, "\(key)[\(index)]")
            texts.append(text)
        }
        return texts
    }

    func names(_ key: String) throws(LaminaError) -> [String] {
        let names = try texts(key)
        for name in names { try checkName(name, key) }
        return names
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        _: Choice.Type
    ) throws(LaminaError) -> Choice? {
        guard let text = try text(key) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw unknown(text, key, among: Choice.allCases.map(\.rawValue))
        }
        return choice
    }

    private func unknown(_ text: String, _ key: String, among names: [String]) -> LaminaError {
        error(
            key,
            "\"\(text)\" is unknown",
            remedy: Suggestion.remedy(for: text, among: names, otherwise: "say one of \(names.joined(separator: ", "))")
        )
    }

    /// A number, or its name.
    func number(_ key: String, _ names: [(name: String, value: Int32)]) throws(LaminaError) -> Int32? {
        guard let json = object[key] else { return nil }
        if let number = json.integerValue.flatMap({ Int32(exactly: $0) }) { return number }
        guard let text = json.stringValue else { throw wrong(key, json, "a name or an integer") }
        guard let known = names.first(where: { $0.name == text }) else {
            throw unknown(text, key, among: names.map(\.name))
        }
        return known.value
    }

    /// The union of named bits.
    func flags(_ key: String, _ names: [(name: String, value: UInt32)]) throws(LaminaError) -> UInt32? {
        guard object[key] != nil else { return nil }
        var bits: UInt32 = 0
        for text in try texts(key) {
            guard let known = names.first(where: { $0.name == text }) else {
                throw unknown(text, key, among: names.map(\.name))
            }
            bits |= known.value
        }
        return bits
    }

    func object(_ key: String) throws(LaminaError) -> ManifestReader? {
        guard let object = try value(key, "an object", \.objectValue) else { return nil }
        return reader(object, prefix: "\(prefix)\(key).", of: key)
    }

    func objects(_ key: String) throws(LaminaError) -> [ManifestReader] {
        var readers: [ManifestReader] = []
        for (index, element) in (try value(key, "an array of objects", \.arrayValue) ?? []).enumerated() {
            guard let object = element.objectValue else { throw wrong("\(key)[\(index)]", element, "an object") }
            readers.append(reader(object, prefix: "\(prefix)\(key)[\(index)].", of: key))
        }
        return readers
    }

    private func reader(_ object: JSON.Object, prefix: String, of key: String) -> ManifestReader {
        let file = file(key)
        var reader = ManifestReader(object: object) { _ in file }
        reader.prefix = prefix
        return reader
    }

    /// Refuses keys that aren't known, unless they begin with `x-`.
    func refuseUnknown(_ known: [String]) throws(LaminaError) {
        for (key, _) in object.members where !known.contains(key) && !key.hasPrefix("x-") {
            throw error(
                key,
                "is unknown",
                remedy: Suggestion.remedy(for: key, among: known, otherwise: "remove it, or begin it with x-")
            )
        }
    }
}
