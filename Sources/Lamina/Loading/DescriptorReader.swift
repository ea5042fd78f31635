import CLamina

/// Reads what a plug-in wrote. C can leave null what the header declares as present, so every pointer is read as
/// optional, and every number checked.
struct DescriptorReader {
    let descriptor: UnsafePointer<lamina_provider>
    let image: PluginImage
    /// What errors are about: the provider, once its name is known.
    var subject: String

    init(_ descriptor: UnsafePointer<lamina_provider>, image: PluginImage, index: Int) {
        self.descriptor = descriptor
        self.image = image
        subject = "\(image.path): provider \(index)"
    }

    func error(_ field: String, _ cause: String, remedy: String = "correct the plug-in") -> LaminaError {
        LaminaError(.loadFailed, "\(subject): \(field)", cause, remedy: remedy)
    }

    // Inlined, like those that call it, so that the compiler puts the offset in the place of the key path.
    @inline(__always)
    private func pointer(_ field: PartialKeyPath<lamina_provider>) -> UnsafeRawPointer? {
        guard let offset = MemoryLayout<lamina_provider>.offset(of: field) else { return nil }
        return UnsafeRawPointer(descriptor).load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
    }

    /// A function of the descriptor, which must lie in the plug-in's own code.
    @inline(__always)
    func checkFunction(
        _ field: PartialKeyPath<lamina_provider>,
        _ name: String,
        required: Bool
    ) throws(LaminaError) {
        guard let pointer = pointer(field) else {
            if required { throw error(name, "is empty", remedy: "fill it") }
            return
        }
        guard image.holds(UInt(bitPattern: pointer)) else {
            throw error(name, "points outside the plug-in's own code")
        }
    }

    /// One line of text, as UTF-8.
    @inline(__always)
    func text(_ field: PartialKeyPath<lamina_provider>, _ name: String) throws(LaminaError) -> String? {
        try pointer(field).map { pointer throws(LaminaError) in try line(pointer, name) }
    }

    func line(_ pointer: UnsafeRawPointer, _ name: String) throws(LaminaError) -> String {
        let text = String(validatingCString: pointer.assumingMemoryBound(to: CChar.self))
        guard let text, text.utf8.count <= 1024, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error(name, "is no line of UTF-8 text")
        }
        return text
    }

    func name(_ text: String?, _ field: String) throws(LaminaError) -> String {
        guard let text, LayerGrammar.isName(text) else {
            throw error(field, text.map { "\"\($0)\" is no name" } ?? "is empty", remedy: "use letters, digits, . _ -")
        }
        return text
    }

    @inline(__always)
    func names(_ field: PartialKeyPath<lamina_provider>, _ name: String) throws(LaminaError) -> [String] {
        var names: [String] = []
        for part in try text(field, name)?.split(separator: ",") ?? [] {
            names.append(try self.name(String(part.drop { $0 == " " }), name))
        }
        return names
    }

    func choice<Value>(_ number: UInt32, _ name: String, _ value: (UInt32) -> Value?) throws(LaminaError) -> Value {
        guard let value = value(number) else { throw error(name, "has the unknown value \(number)") }
        return value
    }

    func settings() throws(LaminaError) -> [SettingDeclaration] {
        let count = Int(descriptor.pointee.setting_count)
        guard count > 0 else { return [] }
        guard count <= 256, let settings = descriptor.pointee.settings else {
            throw error("settings", "setting_count is \(count), and settings is no array of that length")
        }
        var declarations: [SettingDeclaration] = []
        for index in 0..<count {
            let declaration = try setting(settings + index, "settings[\(index)]")
            guard !declarations.contains(where: { $0.name == declaration.name }) else {
                throw error("settings[\(index)]", "\"\(declaration.name)\" is declared twice")
            }
            declarations.append(declaration)
        }
        return declarations
    }

    private func setting(
        _ setting: UnsafePointer<lamina_setting_declaration>,
        _ place: String
    ) throws(LaminaError) -> SettingDeclaration {
        @inline(__always)
        func text(_ field: PartialKeyPath<lamina_setting_declaration>, _ name: String) throws(LaminaError) -> String? {
            guard let offset = MemoryLayout<lamina_setting_declaration>.offset(of: field) else { return nil }
            let pointer = UnsafeRawPointer(setting).load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
            return try pointer.map { pointer throws(LaminaError) in try line(pointer, "\(place).\(name)") }
        }
        let flags = Int(setting.pointee.flags)
        let declaration = SettingDeclaration(
            name: try name(try text(\.name, "name"), "\(place).name"),
            type: try choice(setting.pointee.type, "\(place).type", SettingType.init(number:)),
            choices: try text(\.choices, "choices")?.split(separator: "|").map(String.init) ?? [],
            default: try text(\.default_value, "default_value"),
            help: try text(\.help, "help") ?? "",
            isLive: flags & LAMINA_SETTING_LIVE != 0,
            isRequired: flags & LAMINA_SETTING_REQUIRED != 0,
            isList: flags & LAMINA_SETTING_LIST != 0
        )
        do throws(LaminaError) { try declaration.check() } catch {
            throw self.error("\(place).\(error.subject)", error.cause, remedy: error.remedy)
        }
        return declaration
    }

    func protocols() throws(LaminaError) -> [ProtocolEntry] {
        let count = Int(descriptor.pointee.protocol_count)
        guard count > 0 else { return [] }
        guard count <= 64, let protocols = descriptor.pointee.protocols else {
            throw error("protocols", "protocol_count is \(count), and protocols is no array of that length")
        }
        let (size, expected) = (Int(descriptor.pointee.protocol_size), MemoryLayout<lamina_protocol>.stride)
        guard size == expected else {
            throw error(
                "protocol_size",
                "is \(size), and a protocol has \(expected) bytes",
                remedy: "set it to sizeof(lamina_protocol)"
            )
        }
        var entries: [ProtocolEntry] = []
        for index in 0..<count { entries.append(try protocolEntry(protocols + index, "protocols[\(index)]")) }
        return entries
    }

    func extensions() throws(LaminaError) -> [ExtensionDescription] {
        let count = Int(descriptor.pointee.extension_count)
        guard count > 0 else { return [] }
        guard count <= 64, let extensions = descriptor.pointee.extensions else {
            throw error("extensions", "extension_count is \(count), and extensions is no array of that length")
        }
        let (size, expected) = (
            Int(descriptor.pointee.extension_size), MemoryLayout<lamina_extension_declaration>.stride
        )
        guard size == expected else {
            throw error(
                "extension_size",
                "is \(size), and an extension has \(expected) bytes",
                remedy: "set it to sizeof(lamina_extension_declaration)"
            )
        }
        var described: [ExtensionDescription] = []
        for index in 0..<count {
            let one = try self.extension(extensions + index, "extensions[\(index)]")
            guard !described.contains(where: { $0.uuid == one.uuid }) else {
                throw error("extensions[\(index)]", "\(one.uuid) is declared twice")
            }
            described.append(one)
        }
        return described
    }

    private func `extension`(
        _ declaration: UnsafePointer<lamina_extension_declaration>,
        _ place: String
    ) throws(LaminaError) -> ExtensionDescription {
        @inline(__always)
        func pointer(_ field: PartialKeyPath<lamina_extension_declaration>) -> UnsafeRawPointer? {
            guard let offset = MemoryLayout<lamina_extension_declaration>.offset(of: field) else { return nil }
            return UnsafeRawPointer(declaration).load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
        }
        func members(
            _ field: PartialKeyPath<lamina_extension_declaration>,
            _ count: UInt32,
            _ name: String
        ) throws(LaminaError) -> [String] {
            guard count > 0 else { return [] }
            guard count <= 256, let list = pointer(field) else {
                throw error("\(place).\(name)", "\(name)_count is \(count), and \(name) is no array of that length")
            }
            let texts = list.assumingMemoryBound(to: UnsafeRawPointer?.self)
            var members: [String] = []
            for index in 0..<Int(count) {
                guard let text = texts[index] else { throw error("\(place).\(name)[\(index)]", "is empty") }
                members.append(try line(text, "\(place).\(name)[\(index)]"))
            }
            return members
        }
        var object = JSON.Object()
        for (key, field) in [("uuid", \lamina_extension_declaration.uuid as PartialKeyPath), ("name", \.name)] {
            if let text = pointer(field) { object[key] = .string(try line(text, "\(place).\(key)")) }
        }
        let tables = [
            ("dispatch", try members(\.dispatch, declaration.pointee.dispatch_count, "dispatch")),
            ("client", try members(\.client, declaration.pointee.client_count, "client")),
        ]
        for (key, members) in tables where !members.isEmpty { object[key] = .array(members.map { .string($0) }) }
        do throws(LaminaError) {
            return try ExtensionDescription(ManifestReader(object: object) { _ in place })
        } catch {
            throw self.error(error.subject, error.cause, remedy: error.remedy)
        }
    }

    private func protocolEntry(
        _ entry: UnsafePointer<lamina_protocol>,
        _ place: String
    ) throws(LaminaError) -> ProtocolEntry {
        let flags = ProviderFlags(rawValue: entry.pointee.provider_flags)
        guard ProviderFlags.declarable.isSuperset(of: flags) else {
            throw error("\(place).provider_flags", "0x\(String(flags.rawValue, radix: 16)) has a bit that nobody knows")
        }
        let (first, offset) = (entry.pointee.protocol, entry.pointee.protocol_maximum_offset)
        guard first >= 0, offset >= 0, Int32.max - first >= offset else {
            throw error("\(place).protocol", "\(first) with offset \(offset) is no range of protocols")
        }
        return ProtocolEntry(
            family: entry.pointee.family,
            type: entry.pointee.type,
            protocol: first,
            protocolMaximumOffset: offset,
            serviceFlags: ServiceFlags(rawValue: entry.pointee.service_flags),
            providerFlags: flags,
            messageSize: entry.pointee.message_size,
            byteOrder: try choice(entry.pointee.byte_order, "\(place).byte_order", ByteOrder.init(number:)),
            security: try entry.pointee.security.map { text throws(LaminaError) in
                try name(try line(text, "\(place).security"), "\(place).security")
            }
        )
    }
}

extension ByteOrder {
    /// From `LAMINA_…_ENDIAN`; nil for any other number.
    init?(number: UInt32) {
        switch Int(number) {
        case LAMINA_BIG_ENDIAN: self = .big
        case LAMINA_LITTLE_ENDIAN: self = .little
        default: return nil
        }
    }
}

extension SettingType {
    /// From `LAMINA_SETTING_…`; nil for any other number.
    init?(number: UInt32) {
        guard let type = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = type
    }

    /// `LAMINA_SETTING_…`.
    var number: UInt32 {
        let number =
            switch self {
            case .bool: LAMINA_SETTING_BOOLEAN
            case .integer: LAMINA_SETTING_INTEGER
            case .size: LAMINA_SETTING_SIZE
            case .rate: LAMINA_SETTING_RATE
            case .duration: LAMINA_SETTING_DURATION
            case .text: LAMINA_SETTING_TEXT
            case .choice: LAMINA_SETTING_CHOICE
            case .path: LAMINA_SETTING_PATH
            case .secret: LAMINA_SETTING_SECRET
            }
        return UInt32(number)
    }
}

extension Phase {
    /// From `LAMINA_PHASE_…`; nil for any other number.
    init?(number: UInt32) {
        switch Int(number) {
        case LAMINA_PHASE_NONE: self = .none
        case LAMINA_PHASE_INSPECTOR: self = .inspector
        case LAMINA_PHASE_FIREWALL: self = .firewall
        case LAMINA_PHASE_REDIRECTOR: self = .redirector
        case LAMINA_PHASE_PROXY: self = .proxy
        case LAMINA_PHASE_INBOUND_MODIFY: self = .inboundModify
        case LAMINA_PHASE_OUTBOUND_MODIFY: self = .outboundModify
        case LAMINA_PHASE_CRYPTO_COMPRESS: self = .cryptoCompress
        case LAMINA_PHASE_LOCAL_CACHE: self = .localCache
        case Int(LAMINA_PHASE_SYSTEM): self = .system
        default: return nil
        }
    }
}
