public import CLamina
import Glibc

extension Provider {
    /// Makes one level of a chain: checks the settings, lets the provider make its table for them, and checks that.
    ///
    /// `slot` is the instance's slot in the chain's own column. A provider that handles calls generically gets the
    /// signatures of what can be called, those of `extensions` among them. Runs the provider's code, on this thread, which may
    /// block. Errors name the label, and the entry where one is wrong; nothing is left behind.
    public func instantiate(
        _ layer: LayerSpecification,
        extensions: [ExtensionDescription] = [],
        slot: UnsafeMutablePointer<lamina_slot>
    ) throws(LaminaError) -> Instance {
        let settings = try Settings(of: layer, declared: manifest.settings)
        return try instantiate(
            label: layer.label,
            settings: settings,
            conditions: layer.conditions,
            extensions: extensions,
            slot: slot
        )
    }

    /// Makes one level from settings that are already checked.
    public func instantiate(
        label: String,
        settings: Settings,
        conditions: Conditions = Conditions(),
        extensions: [ExtensionDescription] = [],
        slot: UnsafeMutablePointer<lamina_slot>
    ) throws(LaminaError) -> Instance {
        let storage = SettingStorage(settings)
        let signatures = manifest.isGeneric ? SignatureStorage(extensions) : nil
        var made = lamina_instance()
        made.size = UInt32(MemoryLayout<lamina_instance>.size)
        made.effect = descriptor.pointee.effect
        let (status, reason) = withReason { reason, capacity in
            var arguments = lamina_instance_arguments(
                size: UInt32(MemoryLayout<lamina_instance_arguments>.size),
                setting_count: UInt32(storage.settings.count),
                settings: UnsafePointer(storage.settings.baseAddress),
                label: Labels.text(label),
                upcalls: Library.upcalls,
                slot: slot,
                reason: reason,
                reason_capacity: capacity,
                signatures: signatures?.signatures.baseAddress,
                signature_count: UInt32(signatures?.signatures.count ?? 0),
                signature_size: UInt32(MemoryLayout<lamina_signature>.stride)
            )
            return descriptor.pointee.instantiate(&arguments, &made)
        }
        guard status == 0 else {
            let cause = reason ?? "\(name) can't be made: \(String(cString: strerror(-status)))"
            throw LaminaError(.loadFailed, "layer \"\(label)\"", cause, errno: max(-status, 0), level: label)
        }
        do throws(LaminaError) {
            let checker = TableChecker(provider: self, label: label)
            try checker.checkSizes(made)
            let tables = TableStorage(made)
            let effect = try checker.check(tables.made)
            return Instance(
                provider: self,
                label: label,
                settings: settings,
                storage: storage,
                signatures: signatures,
                conditions: conditions,
                effect: effect,
                tables: tables
            )
        } catch {
            destroy(made.context)
            throw error
        }
    }

    /// Ends a level that `instantiate` made.
    func destroy(_ context: UnsafeMutableRawPointer?) {
        descriptor.pointee.destroy?(context)
    }
}

/// Checks the tables that an instance came with.
struct TableChecker {
    let provider: Provider
    let label: String

    private func error(_ subject: String, _ cause: String, remedy: String = "correct the plug-in") -> LaminaError {
        LaminaError(
            .incompatible,
            "\(provider.path): provider \"\(provider.name)\": \(subject)",
            cause,
            remedy: remedy,
            level: label
        )
    }

    /// The instance's effect, once its tables are found sound.
    func check(_ made: lamina_instance) throws(LaminaError) -> Effect {
        guard let effect = Effect(number: made.effect) else {
            throw error("effect", "has the unknown value \(made.effect)")
        }
        guard effect <= provider.manifest.effect else {
            throw error(
                "effect",
                "is \(effect.rawValue), and the descriptor declares \(provider.manifest.effect.rawValue)",
                remedy: "declare the most that any settings do"
            )
        }
        var filled: Set<String> = []
        if let table = made.table {
            let configure = UnsafeRawPointer(table).load(
                fromByteOffset: MemoryLayout<lamina_table>.offset(of: \.configure) ?? 8,
                as: UnsafeRawPointer?.self
            )
            try checkFunction(configure, "entry configure")
            filled = try checkEntries(table, LAMINA_ENTRY_COUNT, "entry", lamina_describe_entry)
        }
        if let indications = made.indications {
            _ = try checkEntries(indications, LAMINA_INDICATION_COUNT, "indication", lamina_describe_indication)
        }
        for entry in required where !filled.contains(entry) {
            throw error(
                "entry \(entry)",
                "is empty, and a \(provider.manifest.kind.rawValue) provider must fill it",
                remedy: "fill it"
            )
        }
        return effect
    }

    /// Checks how large the tables are that an instance came with: this Lamina's, or smaller ones of whole entries.
    func checkSizes(_ made: lamina_instance) throws(LaminaError) {
        if let table = made.table {
            let first = MemoryLayout<lamina_table>.offset(of: \.open) ?? 16
            try checkSize(table.pointee.size, table.pointee.version, "dispatch table", lamina_table.self, first)
        }
        if let indications = made.indications {
            let (size, version) = (indications.pointee.size, indications.pointee.version)
            let first = MemoryLayout<lamina_indications>.offset(of: \.accept) ?? 8
            try checkSize(size, version, "indications table", lamina_indications.self, first)
        }
    }

    private func checkSize<Table>(
        _ size: UInt32,
        _ version: UInt32,
        _ table: String,
        _: Table.Type,
        _ first: Int
    ) throws(LaminaError) {
        guard (1...LAMINA_ABI_VERSION).contains(version) else {
            throw error(
                table,
                "is of version \(version), and this Lamina has \(LAMINA_ABI_VERSION)",
                remedy: version == 0 ? "set version to LAMINA_ABI_VERSION" : "install a newer Lamina"
            )
        }
        let entry = MemoryLayout<lamina_any_function>.size
        guard Int(size) >= first + entry, (Int(size) - first) % entry == 0 else {
            throw error(table, "has \(size) bytes, which hold no whole entries", remedy: "set size to its sizeof")
        }
        guard Int(size) <= MemoryLayout<Table>.size else {
            throw error(
                table,
                "has \(size) bytes, more than the \(MemoryLayout<Table>.size) that this Lamina knows",
                remedy: "install a newer Lamina"
            )
        }
    }

    /// The names of the entries that are filled; each must lie in the plug-in's own code.
    private func checkEntries(
        _ table: UnsafeRawPointer,
        _ count: Int,
        _ what: String,
        _ describe: (UInt32) -> UnsafePointer<lamina_entry_description>
    ) throws(LaminaError) -> Set<String> {
        var filled: Set<String> = []
        for number in 0..<count {
            let entry = describe(UInt32(number)).pointee
            let name = String(cString: entry.name)
            let function = table.load(fromByteOffset: entry.offset, as: UnsafeRawPointer?.self)
            try checkFunction(function, "\(what) \(name)")
            if function != nil { filled.insert(name) }
        }
        return filled
    }

    private func checkFunction(_ function: UnsafeRawPointer?, _ what: String) throws(LaminaError) {
        guard let function, !provider.manifest.isGeneric else { return }
        guard provider.image.holds(UInt(bitPattern: function)) else {
            throw error(
                what,
                "points outside the plug-in's own code",
                remedy: "let it point to a function of the plug-in, or declare LAMINA_PROVIDER_GENERIC"
            )
        }
    }

    /// The entries that must be there: a level that ends its column must open and close it, and a base must offer what
    /// its categories are for.
    private var required: [String] {
        guard provider.manifest.kind != .layered else { return [] }
        var names = ["open", "close"]
        guard provider.manifest.kind == .base else { return names }
        let categories = provider.manifest.categories
        if !categories.isDisjoint(with: [.connection, .stream]) { names += ["connect", "send", "receive"] }
        if categories.contains(.datagram) { names += ["send_to", "receive_from"] }
        if !categories.isDisjoint(with: [.listen, .stream]) { names += ["listen", "accept"] }
        return names
    }
}
