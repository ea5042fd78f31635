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

/// What the plug-in says about itself: a name provider, for chains over a base that asks nobody.
enum Descriptor {
    nonisolated(unsafe) static let providers: UnsafePointer<UnsafePointer<lamina_provider>?> =
        Immortal.value { $0.pointee = Immortal.value(fill) }

    private static func fill(_ provider: UnsafeMutablePointer<lamina_provider>) {
        provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
        provider.pointee.kind = UInt32(LAMINA_LAYERED_PROVIDER)
        provider.pointee.name = Immortal.text("resolver")
        provider.pointee.version = Immortal.text("1.0")
        provider.pointee.summary = Immortal.text("names by the system's resolver, over bases that ask nobody")
        provider.pointee.uuid = Immortal.text("c2c7a6de-3b0f-4b43-8d3e-93a1f5a1f7d4")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_SHARE)
        provider.pointee.phase = LAMINA_PHASE_SYSTEM
        provider.pointee.categories = UInt32(
            LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM
        )
        provider.pointee.instantiate = { _, made in
            made.pointee.table = Descriptor.table
            return 0
        }
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_table> = Immortal.value { table in
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.resolve = { SystemResolver.resolve($0, $1, $2) }
        table.pointee.reverse_resolve = { SystemResolver.reverse($0, $1, $2) }
    }
}
