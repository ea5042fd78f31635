public import CLamina
import Glibc

/// One level of one chain: a provider with a label and settings, and the table that it made for these settings,
/// checked.
public final class Instance: @unchecked Sendable {
    // The tables are constant, and the context is the provider's, which synchronizes it itself.
    /// The provider's calls with these settings; nil where it fills none.
    public let table: UnsafePointer<lamina_table>?
    /// The provider's indications with these settings; nil where it fills none.
    public let indications: UnsafePointer<lamina_indications>?
    /// What `lamina_instance_context` answers.
    public let context: UnsafeMutableRawPointer?
    /// The provider.
    public let provider: Provider
    /// The level's name in its chain.
    public let label: String
    /// When the level is linked.
    public let conditions: Conditions
    /// What it does to data with these settings.
    public let effect: Effect

    private let storage: SettingStorage
    private let signatures: SignatureStorage?
    private let tables: TableStorage
    private let current: Locked<Settings>
    private let isAlive = Locked(true)

    /// The settings in force.
    public var settings: Settings { current.withLock { $0 } }

    init(
        provider: Provider,
        label: String,
        settings: Settings,
        storage: SettingStorage,
        signatures: SignatureStorage?,
        conditions: Conditions,
        effect: Effect,
        tables: TableStorage
    ) {
        self.provider = provider
        self.label = label
        self.storage = storage
        self.signatures = signatures
        self.conditions = conditions
        self.effect = effect
        current = Locked(settings)
        table = tables.made.table
        indications = tables.made.indications
        context = tables.made.context
        self.tables = tables
    }

    deinit {
        destroy()
    }

    /// Ends the level, once, when its last socket has closed. Runs the provider's code, on this thread.
    public func destroy() {
        let isFirst = isAlive.withLock { alive in
            defer { alive = false }
            return alive
        }
        if isFirst { provider.destroy(context) }
    }

    /// The entries that the table fills, by name, in the table's order.
    public var entryNames: [String] {
        (0..<LAMINA_ENTRY_COUNT).compactMap { number in
            guard let table else { return nil }
            let entry = lamina_describe_entry(UInt32(number)).pointee
            let function = UnsafeRawPointer(table).load(fromByteOffset: entry.offset, as: UnsafeRawPointer?.self)
            return function == nil ? nil : String(cString: entry.name)
        }
    }

    /// The indications that are filled, by name.
    public var indicationNames: [String] {
        (0..<LAMINA_INDICATION_COUNT).compactMap { number in
            guard let indications else { return nil }
            let entry = lamina_describe_indication(UInt32(number)).pointee
            let function = UnsafeRawPointer(indications).load(
                fromByteOffset: entry.offset,
                as: UnsafeRawPointer?.self
            )
            return function == nil ? nil : String(cString: entry.name)
        }
    }

    /// Whether it has to do with sockets of one of these categories: it stands in them, and fills a call of theirs or an
    /// indication. One that answers names alone has nothing to do with them.
    public func concerns(_ categories: SocketCategories) -> Bool {
        let shared = categories.rawValue & provider.manifest.categories.rawValue
        guard shared != 0 else { return false }
        return Entry.all.contains { !$0.isOfChain && $0.categories & shared != 0 && $0.function(in: table) != nil }
            || Entry.indications.contains { $0.categories & shared != 0 && $0.function(in: indications) != nil }
    }

    /// Changes a live setting while sockets are open (the table's `configure`). The value is read as the layer syntax
    /// has it. Where the provider refuses, the old value stays and the error says why. Runs the provider's code.
    public func configure(_ key: String, to text: String) throws(LaminaError) {
        try configure([LayerSpecification.Setting(key: key, values: [try WrittenValue(parsing: text)])])
    }

    /// Changes live settings while sockets are open, all or none: each is checked before the first is delivered, and where
    /// the provider refuses one, those before it get their old values back. Blocks where a value is in a file, and runs the
    /// provider's code.
    public func configure(_ changes: [LayerSpecification.Setting]) throws(LaminaError) {
        var changed = settings
        for change in changes { changed.set(change.key, to: try value(of: change)) }
        for (index, change) in changes.enumerated() {
            do throws(LaminaError) {
                try deliver(change.key, of: changed)
            } catch {
                for earlier in changes[..<index].reversed() { try? deliver(earlier.key, of: settings) }
                throw error
            }
        }
        current.withLock { $0 = changed }
    }

    /// The checked value of a change.
    private func value(of change: LayerSpecification.Setting) throws(LaminaError) -> SettingValue {
        let subject = "layer \"\(label)\""
        let declared = provider.manifest.settings
        guard let declaration = declared.first(where: { $0.name == change.key }) else {
            let names = declared.map(\.name)
            throw LaminaError(
                .invalidSetting,
                subject,
                "has no setting \"\(change.key)\"",
                remedy: Suggestion.remedy(
                    for: change.key,
                    among: names,
                    otherwise: names.isEmpty ? "it has none" : "its settings are \(names.joined(separator: ", "))"
                )
            )
        }
        guard declaration.isLive, table?.pointee.configure != nil else {
            let live = declared.filter(\.isLive).map(\.name).joined(separator: ", ")
            throw LaminaError(
                .invalidSetting,
                "\(subject): \(change.key)",
                "can't change while the chain is in use",
                remedy: live.isEmpty ? "open a new chain with it" : "these can: \(live)"
            )
        }
        var values: [SettingValue] = []
        for written in change.values { values += try declaration.values(of: written, for: "\(subject): \(change.key)") }
        if declaration.isList { return .list(values) }
        guard values.count == 1 else {
            throw LaminaError(
                .invalidSetting,
                "\(subject): \(change.key)",
                "is given \(values.count) times",
                remedy: "it takes one value"
            )
        }
        return values[0]
    }

    /// Hands a setting's value, of a list all of its values, to the provider. Of one that has no value any more, nothing.
    private func deliver(_ key: String, of settings: Settings) throws(LaminaError) {
        guard let configure = table?.pointee.configure else { return }
        let declaration = provider.manifest.settings.first { $0.name == key }
        let absent = declaration?.isList == true ? Settings.Item(name: key, value: .list([]), isGiven: false) : nil
        guard let item = settings.items.first(where: { $0.name == key }) ?? absent else { return }
        let delivery = SettingStorage(delivering: item)
        guard let first = delivery.settings.baseAddress else { return }
        let (status, reason) = withExtendedLifetime(delivery) {
            withReason { reason, capacity in configure(context, first, reason, capacity) }
        }
        guard status == 0 else {
            // A provider's reason may name the setting itself.
            let reason = reason ?? "was refused: \(String(cString: strerror(-status)))"
            let namesSetting = reason.hasPrefix("\(key): ") || reason.hasPrefix("\(key) ")
            throw LaminaError(
                .invalidSetting,
                namesSetting ? "layer \"\(label)\"" : "layer \"\(label)\": \(key)",
                reason,
                errno: max(-status, 0),
                level: label
            )
        }
    }

    /// The level's table of rules as it is now: a line each, numbered, in the order in which they decide. Empty for a level of
    /// a provider that has none. Runs the provider's code; any thread.
    public var rules: [String] {
        guard let write = provider.descriptor.pointee.rules else { return [] }
        var lines: [String] = []
        withUnsafeMutablePointer(to: &lines) { lines in
            write(
                context,
                { sink, text, length in
                    let bytes = UnsafeRawBufferPointer(start: text, count: length)
                    sink?.assumingMemoryBound(to: [String].self).pointee.append(String(decoding: bytes, as: UTF8.self))
                },
                lines
            )
        }
        return lines
    }
}

/// Runs `body` with room for one line and gives its result with that line, where one was written.
func withReason(
    _ body: (UnsafeMutablePointer<CChar>, Int) -> lamina_status
) -> (lamina_status, reason: String?) {
    let capacity = 512
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
        guard let base = buffer.baseAddress else { return (-ENOMEM, nil) }
        buffer.initialize(repeating: 0)
        let status = body(base, capacity)
        base[capacity - 1] = 0
        let line = String(cString: base).split(whereSeparator: \.isNewline).first.map(String.init)
        return (status, line)
    }
}
