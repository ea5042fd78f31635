public import CLamina
import Glibc
import LaminaFFI
import LaminaProvider

/// Refuses the call that its user names, whatever it is, and sends connections to another port.
struct Gate: GenericLayer {
    private let refused: String
    private let port: Int64

    init(_ settings: InstanceSettings) throws(GenericRefusal) {
        refused = settings.texts("refuse").first ?? ""
        port = settings.number("port")
        guard (0..<65536).contains(port) else { throw GenericRefusal(ERANGE, "port is \(port); say 1 to 65535") }
    }

    func call(_ call: borrowing GenericCall) -> lamina_status {
        if call.signature.isNamed(refused) { return call.fail(EACCES) }
        guard port > 0, call.signature.isNamed("connect"),
            var address = call.pointee("address", as: lamina_address.self)
        else { return call.forward() }
        address.storage.ipv4.sin_port = UInt16(port).bigEndian
        return call.forward("address", as: address)
    }
}

private let offer = Offer(
    ProviderDescription(
        "gate",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "refuses one kind of call, and sends connections to another port",
        uuid: "d2f7a3b4-6b1c-4c7e-9d55-3f0c8a5e7701",
        effect: LAMINA_EFFECT_OBSERVE,
        phase: LAMINA_PHASE_FIREWALL,
        flags: LAMINA_PROVIDER_GENERIC,
        settings: [
            SettingDescription("refuse", LAMINA_SETTING_TEXT, help: "the call that is refused"),
            SettingDescription("port", LAMINA_SETTING_INTEGER, default: "0", help: "where connections go"),
        ],
        instantiate: { arguments, made in GenericLevel.instantiate(Gate.self, arguments, made) },
        destroy: { context in GenericLevel.destroy(context) }
    )
)

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    offer.answer(result)
}
