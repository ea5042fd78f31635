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
        "redirect",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "connections to other destinations by rule, with fail-over",
        uuid: "fa9aca98-53e2-4143-ad3c-b80c2ddae3c2",
        effect: LAMINA_EFFECT_NONE,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: LAMINA_PHASE_REDIRECTOR,
        categories: LAMINA_CONNECTION | LAMINA_STREAM,
        settings: [
            SettingDescription(
                "rule",
                LAMINA_SETTING_TEXT,
                flags: LAMINA_SETTING_LIST,
                help: "FROM=TO, or FROM=TO|TO to fail over; FROM is HOST:PORT, HOST or :PORT, TO that, refuse or pass"
            ),
            SettingDescription(
                "file",
                LAMINA_SETTING_PATH,
                flags: LAMINA_SETTING_LIST,
                help: "lines FROM TO, or FROM TO TO to fail over"
            ),
        ],
        instantiate: { arguments, made in RedirectLevel.instantiate(arguments, made) },
        destroy: { context in RedirectLevel.destroy(context) }
    )
)

/// The calls.
enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            table.connect = { RedirectLevel.connect($0, $1, $2, $3) }
        }
    )
}
