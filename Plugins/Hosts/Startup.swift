public import CLamina
import LaminaProvider

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    offer.answer(result)
}

/// What the plug-in says about itself.
private let offer = Offer(
    ProviderDescription(
        "hosts",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "static and wildcard answers to names, from settings and files",
        uuid: "8e0f4c52-1f3a-4a62-9c1b-0d7d2b6a5e43",
        effect: LAMINA_EFFECT_NONE,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: LAMINA_PHASE_REDIRECTOR,
        categories: LAMINA_CONNECTION | LAMINA_STREAM,
        settings: [
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
        instantiate: { arguments, made in HostsLevel.instantiate(arguments, made) },
        destroy: { context in HostsLevel.destroy(context) }
    )
)

/// The calls.
enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            table.resolve = { Questions.resolve($0, $1, $2) }
            table.reverse_resolve = { Questions.reverse($0, $1, $2) }
            table.connect = { Connect.connect($0, $1, $2, $3) }
        }
    )
}
