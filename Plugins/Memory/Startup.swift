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

extension InstanceState {
    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = unsafe InstanceSettings(arguments)
        let room = settings.number("buffer")
        guard (smallestRoom...largestRoom).contains(room) else {
            return settings.refuse(-ERANGE) { $0.append("setting buffer must be from 1k to 256M bytes") }
        }
        guard let memory = unsafe malloc(MemoryLayout<Self>.size) else { return -ENOMEM }
        let network = unsafe Network.named(settings.text("network"))
        unsafe memory.bindMemory(to: Self.self, capacity: 1)
            .initialize(to: Self(network: Unmanaged.passUnretained(network), room: Int32(room)))
        unsafe made.pointee.context = memory
        unsafe made.pointee.table = Calls.table
        return 0
    }
}

/// What the plug-in says about itself.
private let offer = unsafe Offer(
    ProviderDescription(
        "memory",
        LAMINA_BASE_PROVIDER,
        version: "1.0",
        summary: "connections and datagrams inside the process, without a network",
        uuid: "b3a6e0d2-5a0c-4c55-8b0f-7d1c2f9a2c02",
        effect: LAMINA_EFFECT_TRANSFORM,
        handoff: LAMINA_HANDOFF_NONE,
        settings: [
            SettingDescription(
                "network",
                LAMINA_SETTING_TEXT,
                help: "sockets reach each other on the network of the same name"
            ),
            SettingDescription(
                "buffer",
                LAMINA_SETTING_SIZE,
                default: "64k",
                help: "bytes that a connection's direction, or a datagram socket, holds"
            ),
        ],
        protocols: BaseProtocols.all(),
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
            unsafe table.disconnect = { unsafe Stream.disconnect($0, $1, $2, $3, $4) }
            unsafe table.enable_indications = { unsafe Events.enable($0, $1, $2, $3) }
            unsafe table.inspect_complete = { unsafe Inspections.complete($0, $1, $2, $3) }
            unsafe table.release = { unsafe releaseNodes($0, $1, $2) }
            unsafe table.resolve = { unsafe Resolve.resolve($0, $1, $2) }
            unsafe table.reverse_resolve = { unsafe Resolve.reverse($0, $1, $2) }
        }
    )
}
