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
        made.pointee.table = Calls.table
        return 0
    }
}

/// What the plug-in says about itself.
private let offer = Offer(
    ProviderDescription(
        "kernel",
        LAMINA_BASE_PROVIDER,
        version: "1.0",
        summary: "the kernel's TCP, UDP and Unix sockets",
        uuid: "4f0b1f6e-7c0d-4e0a-9d53-3f6f1d9a2c01",
        effect: LAMINA_EFFECT_NONE,
        handoff: LAMINA_HANDOFF_SHARE,
        settings: [
            SettingDescription(
                "nodelay",
                LAMINA_SETTING_BOOLEAN,
                default: "no",
                help: "send small segments at once (TCP_NODELAY)"
            )
        ],
        protocols: BaseProtocols.all(services: BaseProtocols.kernelDescriptors),
        instantiate: { arguments, made in InstanceState.instantiate(arguments, made) },
        destroy: { context in free(context) }
    )
)

/// The calls.
private enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            table.open = { Lifetime.open($0, $1, $2) }
            table.close = { Lifetime.close($0, $1) }
            table.control = { Control.control($0, $1, $2) }
            table.bind = { Names.bind($0, $1, $2, $3) }
            table.listen = { Accept.listen($0, $1, $2) }
            table.accept = { Accept.accept($0, $1, $2, $3) }
            table.connect = { Connect.connect($0, $1, $2, $3) }
            table.local_address = { Names.local($0, $1, $2) }
            table.remote_address = { Names.remote($0, $1, $2) }
            table.send = { Stream.send($0, $1, $2, $3, $4) }
            table.receive = { Stream.receive($0, $1, $2, $3, $4) }
            table.send_to = { Datagram.sendTo($0, $1, $2, $3) }
            table.receive_from = { Datagram.receiveFrom($0, $1, $2, $3) }
            table.send_messages = { Datagram.sendMessages($0, $1, $2, $3, $4) }
            table.receive_messages = { Datagram.receiveMessages($0, $1, $2, $3, $4) }
            table.disconnect = { Disconnect.disconnect($0, $1, $2, $3, $4) }
            table.enable_indications = { Events.enable($0, $1, $2, $3) }
            table.inspect_complete = { Events.inspectComplete($0, $1, $2, $3) }
            table.export_state = { Handoff.export($0, $1, $2) }
            table.adopt_state = { Handoff.adopt($0, $1, $2) }
            table.release = { releaseNodes($0, $1, $2) }
            table.resolve = { SystemResolver.resolve($0, $1, $2) }
            table.reverse_resolve = { SystemResolver.reverse($0, $1, $2) }
        }
    )
}
