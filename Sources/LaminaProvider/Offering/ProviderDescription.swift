public import CLamina

/// What a plug-in says about one of its providers (`lamina_provider`), for an `Offer`.
///
/// Each part is the descriptor's field of that name. The framework checks them when it loads the library, and says
/// which field is wrong and what to write there.
public struct ProviderDescription: @unchecked Sendable {
    // What it points to is constant and never freed.
    let descriptor: UnsafePointer<lamina_provider>

    /// Makes one level: 0, or a negative errno, for which `InstanceSettings.refuse` gives the reason. Runs once a
    /// level, before any of its sockets (`lamina_provider.instantiate`).
    public typealias Instantiate =
        @convention(c) (
            UnsafePointer<lamina_instance_arguments>, UnsafeMutablePointer<lamina_instance>
        ) -> lamina_status

    /// Ends one level, whose context it gets, when its last socket has closed (`lamina_provider.destroy`).
    public typealias Destroy = @convention(c) (UnsafeMutableRawPointer?) -> Void

    /// Writes a level's table of rules, a rule a line and numbered, in the order in which they decide
    /// (`lamina_provider.rules`).
    public typealias Rules =
        @convention(c) (UnsafeMutableRawPointer?, lamina_line_function, UnsafeMutableRawPointer?) -> Void

    /// Describes a provider, in memory that is never freed: make one once, for start-up. Never fails, on any thread.
    ///
    /// - Parameters:
    ///   - name: What chains and catalogs call it.
    ///   - kind: `LAMINA_BASE_PROVIDER`, `LAMINA_LAYERED_PROVIDER` or `LAMINA_TERMINATING_PROVIDER`.
    ///   - version: Its version, for lists.
    ///   - summary: One line for lists.
    ///   - uuid: Its identity for good (ProviderId), as UUID text; nil for one that nobody installs.
    ///   - effect: `LAMINA_EFFECT_…`: the most that a level does to data; a level may say less.
    ///   - handoff: `LAMINA_HANDOFF_…`: how its sockets go to another process.
    ///   - phase: `LAMINA_PHASE_…`: a layer's place in a derived order.
    ///   - categories: `LAMINA_STREAM` and so on: the sockets that it stands in; all unless it says which
    ///     (`LAMINA_ANY_CATEGORY`).
    ///   - flags: `LAMINA_PROVIDER_…`.
    ///   - settings: What its user may set.
    ///   - protocols: What a base offers, in the order in which a selection tries it.
    ///   - before: Providers that stand nearer to the base, with commas between their names.
    ///   - after: Providers that stand nearer to the program, likewise.
    ///   - conflicts: Providers that may not stand in the same chain, likewise.
    ///   - requires: Providers that must stand in the same chain, likewise (`requires_names`).
    ///   - instantiate: Makes a level.
    ///   - destroy: Ends a level; nil if there is nothing to end.
    ///   - rules: Writes a level's table of rules; nil if its levels have none.
    ///   - extensions: Extensions whose functions it describes.
    public init(
        _ name: StaticString,
        _ kind: Int,
        version: StaticString,
        summary: StaticString,
        uuid: StaticString?,
        effect: Int,
        handoff: Int = LAMINA_HANDOFF_SHARE,
        phase: Int = LAMINA_PHASE_NONE,
        categories: Int = LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM,
        flags: Int = 0,
        settings: [SettingDescription] = [],
        protocols: [lamina_protocol] = [],
        before: StaticString? = nil,
        after: StaticString? = nil,
        conflicts: StaticString? = nil,
        requires: StaticString? = nil,
        instantiate: Instantiate,
        destroy: Destroy? = nil,
        rules: Rules? = nil,
        extensions: [ExtensionDeclaration] = []
    ) {
        descriptor = Immortal.value { provider in
            provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
            provider.pointee.kind = UInt32(kind)
            provider.pointee.name = Immortal.text(name)
            provider.pointee.version = Immortal.text(version)
            provider.pointee.summary = Immortal.text(summary)
            if let uuid { provider.pointee.uuid = Immortal.text(uuid) }
            provider.pointee.effect = UInt32(effect)
            provider.pointee.handoff = UInt32(handoff)
            provider.pointee.phase = UInt32(phase)
            provider.pointee.categories = UInt32(categories)
            provider.pointee.flags = UInt32(flags)
            provider.pointee.setting_count = UInt32(settings.count)
            provider.pointee.settings = Immortal.list(settings.map(\.declaration))
            provider.pointee.protocol_count = UInt32(protocols.count)
            provider.pointee.protocol_size = protocols.isEmpty ? 0 : UInt32(MemoryLayout<lamina_protocol>.stride)
            provider.pointee.protocols = Immortal.list(protocols)
            provider.pointee.before = before.map { Immortal.text($0) }
            provider.pointee.after = after.map { Immortal.text($0) }
            provider.pointee.conflicts = conflicts.map { Immortal.text($0) }
            provider.pointee.requires_names = requires.map { Immortal.text($0) }
            provider.pointee.instantiate = instantiate
            provider.pointee.destroy = destroy
            provider.pointee.rules = rules
            provider.pointee.extension_count = UInt32(extensions.count)
            provider.pointee.extension_size =
                extensions.isEmpty ? 0 : UInt32(MemoryLayout<lamina_extension_declaration>.stride)
            provider.pointee.extensions = Immortal.list(extensions.map(\.declaration))
        }
    }
}
