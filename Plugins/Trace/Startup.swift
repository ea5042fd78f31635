public import CLamina
import Glibc
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
        "trace",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "one line for every call and event that crosses the chain",
        uuid: "5d1a3c1e-7a52-4a38-9b0e-2f6f3c1d7e01",
        effect: LAMINA_EFFECT_OBSERVE,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: LAMINA_PHASE_INSPECTOR,
        settings: settings,
        instantiate: { arguments, made in Trace.instantiate(arguments, made) },
        destroy: { context in Trace.destroy(context) }
    )
)

private let settings = [
    SettingDescription(
        "format",
        LAMINA_SETTING_CHOICE,
        choices: "text|json",
        default: "text",
        flags: LAMINA_SETTING_LIVE,
        help: "lines for people, or one JSON object a line"
    ),
    SettingDescription(
        "data",
        LAMINA_SETTING_CHOICE,
        choices: "none|sizes|text|hex",
        default: "sizes",
        flags: LAMINA_SETTING_LIVE,
        help: "what is shown of data calls: nothing (they pass the layer by), sizes, or the first bytes"
    ),
    SettingDescription(
        "bytes",
        LAMINA_SETTING_SIZE,
        default: "32",
        flags: LAMINA_SETTING_LIVE,
        help: "how many bytes data=text and data=hex show, up to 64k"
    ),
    SettingDescription(
        "entries",
        LAMINA_SETTING_CHOICE,
        choices: """
            data|data-out|data-in|destination|name|control|lifetime|events|open|close|bind|\
            listen|accept|inspect_complete|connect|connect_with_data|local_address|\
            remote_address|send|receive|send_to|receive_from|send_messages|receive_messages|\
            disconnect|release|enable_indications|export_state|adopt_state|resolve|\
            reverse_resolve|provider_control|inspect|abort|send_backlog
            """,
        flags: LAMINA_SETTING_LIST,
        help: "only these: classes of entries, events, single entries and events"
    ),
    SettingDescription(
        "errors",
        LAMINA_SETTING_BOOLEAN,
        default: "no",
        flags: LAMINA_SETTING_LIVE,
        help: "only what failed"
    ),
    SettingDescription(
        "file",
        LAMINA_SETTING_PATH,
        help: "append the lines to this file, without the lamina: and label that they have elsewhere"
    ),
    SettingDescription(
        "pcap",
        LAMINA_SETTING_PATH,
        help: "write what crosses the level as packets into this file, as pcapng, and no lines"
    ),
]
