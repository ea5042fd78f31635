public import CLamina
import Glibc
import LaminaProvider

/// What the sockets of one instance share.
struct InstanceState {
    let isWithoutDelay: Bool
}

/// The start-up symbol: offers `kernel`, the base over the kernel's sockets.
// swift-format-ignore: AlwaysUseLowerCamelCase
@c public func lamina_startup(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    lamina_offer(result, Description.list, 1)
}

enum Description {
    nonisolated(unsafe) static let list: UnsafePointer<UnsafePointer<lamina_provider>?> = constant(provider)

    private static var provider: UnsafePointer<lamina_provider>? {
        var provider = lamina_provider(
            size: UInt32(MemoryLayout<lamina_provider>.size),
            kind: UInt32(LAMINA_BASE_PROVIDER),
            name: constant("kernel"),
            version: constant("1.0.0"),
            summary: constant("The kernel's TCP, UDP and Unix sockets"),
            uuid: constant("4f0b1f6e-7c0d-4e0a-9d53-3f6f1d9a2c01"),
            effect: UInt32(LAMINA_EFFECT_NONE),
            handoff: UInt32(LAMINA_HANDOFF_SHARE),
            phase: UInt32(LAMINA_PHASE_NONE),
            categories: UInt32(LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM),
            flags: 0,
            setting_count: 1,
            settings: constant(nodelay),
            protocol_count: UInt32(BaseProtocols.count),
            reserved: 0,
            protocols: BaseProtocols.list,
            before: nil,
            after: nil,
            conflicts: nil,
            requires_names: nil,
            instantiate: instantiate,
            destroy: { free($0) }
        )
        provider.reserved = 0
        return constant(provider)
    }

    private static var nodelay: lamina_setting_declaration {
        lamina_setting_declaration(
            name: constant("nodelay"),
            type: UInt32(LAMINA_SETTING_BOOLEAN),
            flags: 0,
            choices: nil,
            default_value: constant("no"),
            help: constant("Send small segments at once (TCP_NODELAY)")
        )
    }

    private static let instantiate:
        @convention(c) (UnsafePointer<lamina_instance_arguments>, UnsafeMutablePointer<lamina_instance>) ->
            lamina_status = { arguments, instance in
                guard let context = malloc(MemoryLayout<InstanceState>.size) else { return -ENOMEM }
                var isWithoutDelay = false
                for index in 0..<Int(arguments.pointee.setting_count) {
                    guard let setting = arguments.pointee.settings?[index] else { continue }
                    if strcmp(setting.name, "nodelay") == 0 { isWithoutDelay = setting.number != 0 }
                }
                context.bindMemory(to: InstanceState.self, capacity: 1)
                    .initialize(to: InstanceState(isWithoutDelay: isWithoutDelay))
                instance.pointee.context = context
                instance.pointee.table = table
                instance.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
                return 0
            }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_table> = {
        var table = lamina_table()
        table.size = UInt32(MemoryLayout<lamina_table>.size)
        table.version = LAMINA_ABI_VERSION
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
        table.resolve = { Resolve.resolve($0, $1, $2) }
        table.reverse_resolve = { Resolve.reverse($0, $1, $2) }
        return constant(table)
    }()
}
