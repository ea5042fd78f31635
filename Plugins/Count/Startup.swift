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
        provider.pointee.name = Immortal.text("count")
        provider.pointee.version = Immortal.text("1.0")
        provider.pointee.summary = Immortal.text("calls and bytes by entry and direction, at close and at the end")
        provider.pointee.uuid = Immortal.text("5d1a3c1e-7a52-4a38-9b0e-2f6f3c1d7e02")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_OBSERVE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_SHARE)
        provider.pointee.phase = UInt32(LAMINA_PHASE_INSPECTOR)
        provider.pointee.categories = UInt32(
            LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM
        )
        SettingDescription.declare(
            [
                SettingDescription(
                    "each",
                    LAMINA_SETTING_BOOLEAN,
                    default: "yes",
                    help: "one line for each socket when it closes, beside the table at the end"
                )
            ],
            in: provider
        )
        provider.pointee.instantiate = { arguments, made in Level.instantiate(arguments, made) }
        provider.pointee.destroy = { context in Level.destroy(context) }
    }
}
