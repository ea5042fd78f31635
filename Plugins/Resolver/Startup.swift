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

/// What the plug-in says about itself: a name provider, for chains over a base that asks nobody.
private let offer = Offer(
    ProviderDescription(
        "resolver",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "names by the system's resolver, over bases that ask nobody",
        uuid: "c2c7a6de-3b0f-4b43-8d3e-93a1f5a1f7d4",
        effect: LAMINA_EFFECT_NONE,
        handoff: LAMINA_HANDOFF_SHARE,
        phase: Int(LAMINA_PHASE_SYSTEM),
        instantiate: { _, made in
            made.pointee.table = Calls.table
            return 0
        }
    )
)

/// The calls.
private enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            table.resolve = { SystemResolver.resolve($0, $1, $2) }
            table.reverse_resolve = { SystemResolver.reverse($0, $1, $2) }
        }
    )
}
