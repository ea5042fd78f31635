extension Manifest {
    /// The manifest as its file's content; keys that say nothing are left out.
    public var json: JSON {
        var object = JSON.Object()
        object["format"] = .integer(Self.format)
        object["name"] = .string(name)
        for (key, text) in [("uuid", uuid), ("version", version), ("summary", summary)] where !text.isEmpty {
            object[key] = .string(text)
        }
        object["library"] = .string(library)
        object["kind"] = .string(kind.rawValue)
        if phase != .none { object["phase"] = .string(phase.rawValue) }
        let lists = [
            ("before", before), ("after", after), ("conflicts", conflicts), ("requires", requires),
        ]
        for (key, names) in lists where !names.isEmpty { object[key] = Self.array(names) }
        object["effect"] = .string(effect.rawValue)
        object["handoff"] = .string(handoff.rawValue)
        if let required { object["required"] = .bool(required) }
        let flags = [
            ("hidden", isHidden), ("generic", isGeneric), ("reorders", reorders), ("handshakes", handshakes),
            ("onlyNames", onlyNames), ("rules", hasRules),
        ]
        for (key, flag) in flags where flag {
            object[key] = true
        }
        if categories != .all {
            object["categories"] = Self.array(
                SocketCategories.names.filter { categories.contains($0.value) }.map(\.name)
            )
        }
        if !protocols.isEmpty { object["protocols"] = .array(protocols.map(\.json)) }
        object["abi"] = ["min": .integer(Int64(abi.lowerBound)), "max": .integer(Int64(abi.upperBound))]
        if !settings.isEmpty { object["settings"] = .array(settings.map(\.json)) }
        if !extensions.isEmpty { object["extensions"] = .array(extensions.map(\.json)) }
        for (key, names) in [("entries", entries), ("indications", indications)] where !names.isEmpty {
            object[key] = Self.array(names)
        }
        if let sha256 { object["sha256"] = .string(sha256) }
        if let identity { object["identity"] = identity.json }
        if let installation { object["installation"] = installation.json }
        return .object(object)
    }

    private static func array(_ texts: [String]) -> JSON {
        .array(texts.map { .string($0) })
    }
}

extension SettingDeclaration {
    init(_ reader: ManifestReader) throws(LaminaError) {
        try reader.refuseUnknown(["name", "type", "choices", "default", "help", "live", "required", "list"])
        guard let name = try reader.name("name") else { throw reader.missing("name", "name the setting") }
        guard let type = try reader.choice("type", SettingType.self) else {
            throw reader.missing("type", "say one of \(SettingType.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.init(
            name: name,
            type: type,
            choices: try reader.texts("choices"),
            default: try reader.text("default"),
            help: try reader.text("help") ?? "",
            isLive: try reader.bool("live") ?? false,
            isRequired: try reader.bool("required") ?? false,
            isList: try reader.bool("list") ?? false
        )
        do throws(LaminaError) { try check() } catch {
            throw reader.error(error.subject, error.cause, remedy: error.remedy)
        }
    }

    /// Refuses what no setting can be; the error's subject is the declaration's key.
    func check() throws(LaminaError) {
        if LayerSpecification.frameworkKeys.contains(name) {
            throw LaminaError(.invalidSetting, "name", "\"\(name)\" is the framework's", remedy: "choose another name")
        }
        if type == .choice, choices.isEmpty {
            throw LaminaError(.invalidSetting, "choices", "is missing", remedy: "list what may be chosen")
        }
        if let value = self.default {
            _ = try values(of: .bare(value), for: "default")
        }
    }

    /// The declaration as it stands in a manifest.
    public var json: JSON {
        var object = JSON.Object()
        object["name"] = .string(name)
        object["type"] = .string(type.rawValue)
        if !choices.isEmpty { object["choices"] = .array(choices.map { .string($0) }) }
        if let value = self.default { object["default"] = .string(value) }
        if !help.isEmpty { object["help"] = .string(help) }
        for (key, flag) in [("live", isLive), ("required", isRequired), ("list", isList)] where flag {
            object[key] = true
        }
        return .object(object)
    }
}

extension FileIdentity {
    init(_ reader: ManifestReader) throws(LaminaError) {
        var numbers: [Int64] = []
        for key in ["device", "inode", "size", "modified"] {
            guard let number = try reader.integer(key) else { throw reader.missing(key, "install the library again") }
            numbers.append(number)
        }
        self.init(
            device: UInt64(bitPattern: numbers[0]),
            inode: UInt64(bitPattern: numbers[1]),
            size: numbers[2],
            modified: numbers[3]
        )
    }

    /// The identity as it stands in a manifest.
    public var json: JSON {
        [
            "device": .integer(Int64(bitPattern: device)), "inode": .integer(Int64(bitPattern: inode)),
            "size": .integer(size), "modified": .integer(modified),
        ]
    }
}
