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
        provider.pointee.name = Immortal.text("memory")
        provider.pointee.version = Immortal.text("1.0")
        provider.pointee.summary = Immortal.text("connections and datagrams inside the process, without a network")
        provider.pointee.uuid = Immortal.text("b3a6e0d2-5a0c-4c55-8b0f-7d1c2f9a2c02")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_TRANSFORM)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_NONE)
        provider.pointee.categories = UInt32(
            LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM
        )
        BaseProtocols.declare(in: provider)
        SettingDescription.declare(
            [
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
        table.pointee.disconnect = { Stream.disconnect($0, $1, $2, $3, $4) }
        table.pointee.enable_indications = { Events.enable($0, $1, $2, $3) }
        table.pointee.inspect_complete = { Inspections.complete($0, $1, $2, $3) }
        table.pointee.release = { releaseNodes($0, $1, $2) }
        table.pointee.resolve = { Resolve.resolve($0, $1, $2) }
        table.pointee.reverse_resolve = { Resolve.reverse($0, $1, $2) }
    }
}
