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
        "socks5",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "connects through a SOCKS5 server, which is given names as they are",
        uuid: "4c3d6f0a-95b7-4e0c-8a2e-71d2f4b60c55",
        effect: LAMINA_EFFECT_TRANSFORM,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: LAMINA_PHASE_PROXY,
        categories: LAMINA_CONNECTION | LAMINA_STREAM | LAMINA_DATAGRAM,
        flags: LAMINA_PROVIDER_HANDSHAKES,
        settings: [
            SettingDescription(
                "server",
                LAMINA_SETTING_TEXT,
                flags: LAMINA_SETTING_REQUIRED,
                help: "HOST:PORT of the server, or HOST for port 1080; an IPv6 address in brackets"
            ),
            SettingDescription("user", LAMINA_SETTING_TEXT, help: "the user's name, where the server wants one"),
            SettingDescription("password", LAMINA_SETTING_SECRET, help: "the user's password: @FILE or env:NAME"),
            SettingDescription(
                "names",
                LAMINA_SETTING_CHOICE,
                choices: "remote|local",
                default: "remote",
                help: "who resolves names: the server, or this machine"
            ),
            SettingDescription(
                "timeout",
                LAMINA_SETTING_DURATION,
                default: "30s",
                help: "how long the server may take for one step of a connect"
            ),
        ],
        instantiate: { arguments, made in ProxyServer.instantiate(arguments, made) },
        destroy: { context in ProxyServer.destroy(context) }
    )
)

/// The calls.
enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            table.open = { Lifetime.open($0, $1, $2) }
            table.close = { Lifetime.close($0, $1) }
            table.connect = { Connect.connect($0, $1, $2, $3) }
            table.send = { Transfers.send($0, $1, $2, $3, $4) }
            table.receive = { Transfers.receive($0, $1, $2, $3, $4) }
            table.disconnect = { Transfers.disconnect($0, $1, $2, $3, $4) }
            table.enable_indications = { Transfers.enable($0, $1, $2, $3) }
            table.remote_address = { Transfers.remoteAddress($0, $1, $2) }
            table.resolve = { Questions.resolve($0, $1, $2) }
            table.reverse_resolve = { Questions.reverse($0, $1, $2) }
            table.export_state = { Handoff.export($0, $1, $2) }
            table.adopt_state = { Handoff.adopt($0, $1, $2) }
        }
    )

    /// Data are indicated once they are the program's; see `Transfers.enable`.
    nonisolated(unsafe) static let indications = Immortal.copy(
        lamina_indications { table in table.receive = { lamina_indicate_receive($0, $1) } }
    )
}
