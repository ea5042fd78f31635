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
        "count",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "calls and bytes by entry and direction, at close and at the end",
        uuid: "5d1a3c1e-7a52-4a38-9b0e-2f6f3c1d7e02",
        effect: LAMINA_EFFECT_OBSERVE,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: LAMINA_PHASE_INSPECTOR,
        settings: [
            SettingDescription(
                "each",
                LAMINA_SETTING_BOOLEAN,
                default: "yes",
                help: "one line for each socket when it closes, beside the table at the end"
            )
        ],
        instantiate: { arguments, made in Level.instantiate(arguments, made) },
        destroy: { context in Level.destroy(context) }
    )
)
