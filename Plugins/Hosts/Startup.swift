public import CLamina
import LaminaProvider

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    lamina_offer(result, Descriptor.providers, 1)
}

/// What the plug-in says about itself.
enum Descriptor {
    nonisolated(unsafe) static let providers: UnsafePointer<UnsafePointer<lamina_provider>?> =
        Immortal.value { $0.pointee = Immortal.value(fill) }

    private static func fill(_ provider: UnsafeMutablePointer<lamina_provider>) {
        provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
        provider.pointee.kind = UInt32(LAMINA_LAYERED_PROVIDER)
        provider.pointee.name = Immortal.text("hosts")
        provider.pointee.version = Immortal.text("1.0")
        provider.pointee.summary = Immortal.text("static and wildcard answers to names, from settings and files")
        provider.pointee.uuid = Immortal.text("8e0f4c52-1f3a-4a62-9c1b-0d7d2b6a5e43")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_SHARE)
        provider.pointee.phase = UInt32(LAMINA_PHASE_REDIRECTOR)
        provider.pointee.categories = UInt32(LAMINA_CONNECTION | LAMINA_STREAM)
        SettingDescription.declare(
            [
                SettingDescription(
                    "map",
                    LAMINA_SETTING_TEXT,
                    flags: LAMINA_SETTING_LIST,
                    help: "NAME=ADDRESS, NAME=OTHER.NAME, NAME=refuse or NAME=pass; *.NAME is every name below it"
                ),
                SettingDescription(
                    "file",
                    LAMINA_SETTING_PATH,
                    flags: LAMINA_SETTING_LIST,
                    help: "lines as in hosts(5), with wildcards, and refuse, pass or =OTHER.NAME as addresses"
                ),
            ],
            in: provider
        )
        provider.pointee.instantiate = { arguments, made in HostsLevel.instantiate(arguments, made) }
        provider.pointee.destroy = { context in HostsLevel.destroy(context) }
    }

    nonisolated(unsafe) static let table: UnsafePointer<lamina_table> = Immortal.value { table in
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.resolve = { Questions.resolve($0, $1, $2) }
        table.pointee.reverse_resolve = { Questions.reverse($0, $1, $2) }
        table.pointee.connect = { Connect.connect($0, $1, $2, $3) }
    }
}
