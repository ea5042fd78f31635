public import CLamina
import Glibc
import LaminaProvider

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    unsafe offer.answer(result)
}

/// What the sockets of one instance share.
struct InstanceState {
    let isWithoutDelay: Bool

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        guard let memory = unsafe malloc(MemoryLayout<Self>.size) else { return -ENOMEM }
        let state = unsafe memory.bindMemory(to: Self.self, capacity: 1)
        unsafe state.initialize(to: Self(isWithoutDelay: InstanceSettings(arguments).number("nodelay") != 0))
        unsafe made.pointee.context = memory
        unsafe made.pointee.table = Calls.table
        return 0
    }
}

/// What the plug-in says about itself.
private let offer = unsafe Offer(
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
        instantiate: { arguments, made in unsafe InstanceState.instantiate(arguments, made) },
        destroy: { context in unsafe free(context) }
    )
)

/// The calls.
private enum Calls {
    nonisolated(unsafe) static let table = unsafe Immortal.copy(
        lamina_table { table in
            unsafe table.open = { unsafe Lifetime.open($0, $1, $2) }
            unsafe table.close = { unsafe Lifetime.close($0, $1) }
            unsafe table.control = { unsafe Control.control($0, $1, $2) }
            unsafe table.bind = { unsafe Names.bind($0, $1, $2, $3) }
            unsafe table.listen = { unsafe Accept.listen($0, $1, $2) }
            unsafe table.accept = { unsafe Accept.accept($0, $1, $2, $3) }
            unsafe table.connect = { unsafe Connect.connect($0, $1, $2, $3) }
            unsafe table.local_address = { unsafe Names.local($0, $1, $2) }
            unsafe table.remote_address = { unsafe Names.remote($0, $1, $2) }
            unsafe table.send = { unsafe Stream.send($0, $1, $2, $3, $4) }
            unsafe table.receive = { unsafe Stream.receive($0, $1, $2, $3, $4) }
            unsafe table.send_to = { unsafe Datagram.sendTo($0, $1, $2, $3) }
            unsafe table.receive_from = { unsafe Datagram.receiveFrom($0, $1, $2, $3) }
            unsafe table.send_messages = { unsafe Datagram.sendMessages($0, $1, $2, $3, $4) }
            unsafe table.receive_messages = { unsafe Datagram.receiveMessages($0, $1, $2, $3, $4) }
            unsafe table.disconnect = { unsafe Disconnect.disconnect($0, $1, $2, $3, $4) }
            unsafe table.enable_indications = { unsafe Events.enable($0, $1, $2, $3) }
            unsafe table.inspect_complete = { unsafe Events.inspectComplete($0, $1, $2, $3) }
            unsafe table.export_state = { unsafe Handoff.export($0, $1, $2) }
            unsafe table.adopt_state = { unsafe Handoff.adopt($0, $1, $2) }
            unsafe table.release = { unsafe releaseNodes($0, $1, $2) }
            unsafe table.resolve = { unsafe SystemResolver.resolve($0, $1, $2) }
            unsafe table.reverse_resolve = { unsafe SystemResolver.reverse($0, $1, $2) }
        }
    )
}
