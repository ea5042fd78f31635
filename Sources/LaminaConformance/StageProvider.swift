import CLamina
import Glibc
import Lamina

/// The stage as a provider that is linked into the program.
enum StageProvider {
    /// The provider, for chains whose base has the label of a `Stage`.
    static func load() throws(LaminaError) -> Provider {
        try Library(builtIn: startup, name: "conformance kit").provider()
    }

    private static let startup: Library.Startup = { _, result in
        result.pointee.abi_minimum = LAMINA_ABI_VERSION
        result.pointee.abi_maximum = LAMINA_ABI_VERSION
        result.pointee.provider_count = 1
        result.pointee.providers = UnsafePointer(list)
        return 0
    }

    // Written once, before anybody sees them.
    nonisolated(unsafe) private static let list: UnsafeMutablePointer<UnsafePointer<lamina_provider>?> = {
        let list = UnsafeMutablePointer<UnsafePointer<lamina_provider>?>.allocate(capacity: 1)
        list.initialize(to: UnsafePointer(provider))
        return list
    }()

    nonisolated(unsafe) private static let provider: UnsafeMutablePointer<lamina_provider> = {
        let provider = UnsafeMutablePointer<lamina_provider>.allocate(capacity: 1)
        provider.initialize(
            to: lamina_provider(
                size: UInt32(MemoryLayout<lamina_provider>.size),
                kind: UInt32(LAMINA_BASE_PROVIDER),
                name: text("stage"),
                version: text(Version.text),
                summary: text("does what a check tells it"),
                uuid: text("0a4d7a54-6c0e-4c0b-8a10-7a1e6b1c0f3e"),
                effect: UInt32(LAMINA_EFFECT_TRANSFORM),
                handoff: UInt32(LAMINA_HANDOFF_NONE),
                phase: 0,
                categories: SocketCategories.all.rawValue,
                flags: 0,
                setting_count: 0,
                settings: nil,
                protocol_count: 0,
                protocol_size: 0,
                protocols: nil,
                before: nil,
                after: nil,
                conflicts: nil,
                requires_names: nil,
                instantiate: instantiate,
                destroy: nil,
                rules: nil,
                extension_count: 0,
                extension_size: 0,
                extensions: nil
            )
        )
        return provider
    }()

    private static func text(_ value: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(value.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    private static func text(_ value: String) -> UnsafePointer<CChar> {
        UnsafePointer(strdup(value)) ?? text("" as StaticString)
    }

    private static let instantiate:
        @convention(c) (UnsafePointer<lamina_instance_arguments>, UnsafeMutablePointer<lamina_instance>) ->
            lamina_status = { arguments, instance in
                guard let stage = Stage.named(String(cString: arguments.pointee.label)) else { return -ENOENT }
                instance.pointee.table = UnsafePointer(StageTable.table)
                instance.pointee.context = Unmanaged.passUnretained(stage).toOpaque()
                return 0
            }
}
