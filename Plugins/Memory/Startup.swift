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

extension InstanceState {
    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        let room = settings.number("buffer")
        guard (smallestRoom...largestRoom).contains(room) else {
            return settings.refuse(-ERANGE) { $0.append("setting buffer must be from 1k to 256M bytes") }
        }
        guard let memory = malloc(MemoryLayout<Self>.size) else { return -ENOMEM }
        let network = Network.named(settings.text("network"))
        memory.bindMemory(to: Self.self, capacity: 1)
            .initialize(to: Self(network: Unmanaged.passUnretained(network), room: Int32(room)))
        made.pointee.context = memory
        made.pointee.table = Calls.table
        return 0
    }
}

/// What the plug-in says about itself.
private let offer = Offer(
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
            table.disconnect = { Stream.disconnect($0, $1, $2, $3, $4) }
            table.enable_indications = { Events.enable($0, $1, $2, $3) }
            table.inspect_complete = { Inspections.complete($0, $1, $2, $3) }
            table.release = { releaseNodes($0, $1, $2) }
            table.resolve = { Resolve.resolve($0, $1, $2) }
            table.reverse_resolve = { Resolve.reverse($0, $1, $2) }
        }
    )
}
