public import CLamina
import Glibc
import LaminaFFI
import LaminaProvider

/// Forwards every call.
struct Forwarding: GenericLayer {
    init(_ settings: InstanceSettings) {}
    func call(_ call: borrowing GenericCall) -> lamina_status { call.forward() }
}

/// Counts the calls that ended.
struct Watching: GenericLayer {
    nonisolated(unsafe) static var count: UInt64 = 0
    init(_ settings: InstanceSettings) {}

    func call(_ call: borrowing GenericCall) -> lamina_status {
        call.watch()
        return call.forward()
    }

    func ended(_ call: borrowing EndedCall) { Self.count &+= 1 }
}

/// Refuses calls of two names, one of which its user gives.
struct Comparing: GenericLayer {
    private let refused: String

    init(_ settings: InstanceSettings) { refused = settings.texts("refuse").first ?? "" }

    func call(_ call: borrowing GenericCall) -> lamina_status {
        if call.signature.isNamed("listen") || call.signature.isNamed(refused) { return call.fail(EACCES) }
        return call.forward()
    }
}

private let offer = Offer(
    ProviderDescription(
        "generic",
        LAMINA_LAYERED_PROVIDER,
        version: "1",
        summary: "does nothing",
        uuid: "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c005",
        effect: LAMINA_EFFECT_OBSERVE,
        phase: LAMINA_PHASE_INSPECTOR,
        flags: LAMINA_PROVIDER_GENERIC,
        settings: [
            SettingDescription("mode", LAMINA_SETTING_TEXT, default: "forward", help: "what it does with a call"),
            SettingDescription("refuse", LAMINA_SETTING_TEXT, default: "sell", help: "the call that is refused"),
        ],
        instantiate: { arguments, made in
            switch InstanceSettings(arguments).texts("mode").first {
            case "watch": GenericLevel.instantiate(Watching.self, arguments, made)
            case "compare": GenericLevel.instantiate(Comparing.self, arguments, made)
            default: GenericLevel.instantiate(Forwarding.self, arguments, made)
            }
        },
        destroy: { context in GenericLevel.destroy(context) }
    )
)

/// The plug-in's start-up symbol.
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    offer.answer(result)
}
