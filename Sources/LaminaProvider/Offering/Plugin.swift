public import CLamina
import CLaminaPlugin
import Glibc

/// Offers layers to the framework. A plug-in is a library with one function that calls this:
///
/// ```swift
/// @c(lamina_plugin)
/// public func plugin() { offer(Mine.self) }
/// ```
///
/// The start-up symbol `lamina_startup` (WSPStartup), which the framework calls, is the SDK's and calls that. Call it there
/// alone, and once a type. A library offers at most 16 layers and bases.
public func offer(_ layers: any Layer.Type...) {
    for layer in layers {
        let own = Immortal.copy(LayerType(layer))
        let about = own.pointee.about
        Plugin.add(Plugin.Offered(describe: { ProviderDescription(about, $0) }) { LayerType.instantiate(own, $0, $1) })
    }
}

/// What this library offers.
enum Plugin {
    /// One provider: what the library says about it, and what makes its levels.
    struct Offered {
        let describe: (ProviderDescription.Instantiate) -> ProviderDescription
        let instantiate:
            (UnsafePointer<lamina_instance_arguments>, UnsafeMutablePointer<lamina_instance>) -> lamina_status
    }

    /// A provider's `instantiate` isn't told which provider it is for, so each has a function of its own.
    private static let instantiate: [ProviderDescription.Instantiate] = [
        { make(0, $0, $1) }, { make(1, $0, $1) }, { make(2, $0, $1) }, { make(3, $0, $1) },
        { make(4, $0, $1) }, { make(5, $0, $1) }, { make(6, $0, $1) }, { make(7, $0, $1) },
        { make(8, $0, $1) }, { make(9, $0, $1) }, { make(10, $0, $1) }, { make(11, $0, $1) },
        { make(12, $0, $1) }, { make(13, $0, $1) }, { make(14, $0, $1) }, { make(15, $0, $1) },
    ]

    // Filled during start-up, which runs once and on one thread; constant afterwards.
    nonisolated(unsafe) private static var providers: [Offered] = []
    nonisolated(unsafe) private static var tooMany = false
    /// What the framework was answered, which stays.
    nonisolated(unsafe) private static var offered: UnsafePointer<UnsafePointer<lamina_provider>?>?

    static func add(_ provider: Offered) {
        guard providers.count < instantiate.count else { return tooMany = true }
        providers.append(provider)
    }

    private static func make(
        _ index: Int,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        providers[index].instantiate(arguments, made)
    }

    /// Asks the library what it offers, and answers the framework.
    static func start(
        _ arguments: UnsafePointer<lamina_startup_arguments>,
        _ result: UnsafeMutablePointer<lamina_startup_result>
    ) -> lamina_status {
        guard arguments.pointee.type == LAMINA_STARTUP_TYPE else { return -EINVAL }
        providers = []
        lamina_plugin()
        guard !tooMany else { return -E2BIG }
        let described = zip(providers, instantiate).map { provider, instantiate in
            provider.describe(instantiate).descriptor as UnsafePointer<lamina_provider>?
        }
        offered = Immortal.list(described)
        return lamina_offer(result, offered, UInt32(described.count))
    }
}

/// What the start-up symbol of a library over the SDK does; `lamina_startup` calls it.
@c(lamina_provider_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    Plugin.start(arguments, result)
}

extension ProviderDescription {
    /// A layer's descriptor.
    init(_ about: LayerDescription, _ instantiate: Instantiate) {
        self.init(
            about.name,
            about.isTerminating ? LAMINA_TERMINATING_PROVIDER : LAMINA_LAYERED_PROVIDER,
            version: about.version,
            summary: about.summary,
            uuid: about.uuid,
            effect: about.effect.rawValue,
            // What its columns keep can't go along.
            handoff: (about.isTerminating ? .none : about.handoff).rawValue,
            phase: about.phase.rawValue,
            categories: Int(about.categories.rawValue),
            flags: (about.reorders ? LAMINA_PROVIDER_REORDERS : 0)
                | (about.onlyNames ? LAMINA_PROVIDER_ONLY_NAMES : 0)
                | (about.handshakes ? LAMINA_PROVIDER_HANDSHAKES : 0),
            settings: about.settings.map { $0.declaration.described($0.name) },
            before: about.before,
            after: about.after,
            conflicts: about.conflicts,
            requires: about.requires,
            instantiate: instantiate,
            destroy: LevelInstance.destroy,
            rules: about.hasRules ? LevelInstance.rules : nil,
            extensions: about.extensions
        )
    }
}
