public import CLamina
import Glibc
import LaminaProvider

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    lamina_offer(result, Descriptor.providers, 1)
}

/// What the sockets of one instance share.
struct InstanceState {
    let isWithoutDelay: Bool

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        guard let memory = malloc(MemoryLayout<Self>.size) else { return -ENOMEM }
        let state = memory.bindMemory(to: Self.self, capacity: 1)
        state.initialize(to: Self(isWithoutDelay: InstanceSettings(arguments).number("nodelay") != 0))
        made.pointee.context = memory
        made.pointee.table = Descriptor.table
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) { free(context) }
}

/// What the plug-in says about itself.
enum Descriptor {
    nonisolated(unsafe) static let providers: UnsafePointer<UnsafePointer<lamina_provider>?> =
        Immortal.value { $0.pointee = Immortal.value(fill) }

    private static func fill(_ provider: UnsafeMutablePointer<lamina_provider>) {
        provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
        provider.pointee.kind = UInt32(LAMINA_BASE_PROVIDER)
        provider.pointee.name = Immortal.text("kernel")
        provider.pointee.version = Immortal.text("1.0")
        provider.pointee.summary = Immortal.text("the kernel's TCP, UDP and Unix sockets")
        provider.pointee.uuid = Immortal.text("4f0b1f6e-7c0d-4e0a-9d53-3f6f1d9a2c01")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_SHARE)
        provider.pointee.categories = UInt32(
            LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM
        )
        BaseProtocols.declare(in: provider, services: BaseProtocols.kernelDescriptors)
        SettingDescription.declare(
            [
                SettingDescription(
                    "nodelay",
                    LAMINA_SETTING_BOOLEAN,
                    default: "no",
                    help: "send small segments at once (TCP_NODELAY)"
                )
            ],
            in: provider
        )
        provider.pointee.instantiate = { arguments, made in InstanceState.instantiate(arguments, made) }
        provider.pointee.destroy = { context in InstanceState.destroy(context) }
    }

    nonisolated(unsafe) static let table: UnsafePointer<lamina_table> = Immortal.value { table in
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.open = { Lifetime.open($0, $1, $2) }
        table.pointee.close = { Lifetime.close($0, $1) }
        table.pointee.control = { Control.control($0, $1, $2) }
        table.pointee.bind = { Names.bind($0, $1, $2, $3) }
        table.pointee.listen = { Accept.listen($0, $1, $2) }
        table.pointee.accept = { Accept.accept($0, $1, $2, $3) }
        table.pointee.connect = { Connect.connect($0, $1, $2, $3) }
        table.pointee.local_address = { Names.local($0, $1, $2) }
        table.pointee.remote_address = { Names.remote($0, $1, $2) }
        table.pointee.send = { Stream.send($0, $1, $2, $3, $4) }
        table.pointee.receive = { Stream.receive($0, $1, $2, $3, $4) }
        table.pointee.send_to = { Datagram.sendTo($0, $1, $2, $3) }
        table.pointee.receive_from = { Datagram.receiveFrom($0, $1, $2, $3) }
        table.pointee.send_messages = { Datagram.sendMessages($0, $1, $2, $3, $4) }
        table.pointee.receive_messages = { Datagram.receiveMessages($0, $1, $2, $3, $4) }
        table.pointee.disconnect = { Disconnect.disconnect($0, $1, $2, $3, $4) }
        table.pointee.enable_indications = { Events.enable($0, $1, $2, $3) }
        table.pointee.inspect_complete = { Events.inspectComplete($0, $1, $2, $3) }
        table.pointee.export_state = { Handoff.export($0, $1, $2) }
        table.pointee.adopt_state = { Handoff.adopt($0, $1, $2) }
        table.pointee.release = { releaseNodes($0, $1, $2) }
        table.pointee.resolve = { SystemResolver.resolve($0, $1, $2) }
        table.pointee.reverse_resolve = { SystemResolver.reverse($0, $1, $2) }
    }
}
