import CLamina
import Glibc

@c
private func forward(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    lamina_send(slot, buffers, count, flags, request)
}

@c
private func ended(
    _ slot: UnsafeMutablePointer<lamina_slot>?,
    _ request: UnsafeMutablePointer<lamina_request>,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    context?.assumingMemoryBound(to: UInt64.self).pointee &+= 1
    return 0
}

@c
private func watch(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    guard lamina_push(slot, request, ended, slot.pointee.context) != nil else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    return lamina_send(slot, buffers, count, flags, request)
}

/// The socket's context is where its level counts the sends that ended.
@c
private func openLayer(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ arguments: UnsafePointer<lamina_open_arguments>,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    slot.pointee.context = lamina_instance_context(slot)
    return lamina_open(slot, arguments, request)
}

@c
private func bindLayer(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ address: UnsafePointer<lamina_address>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    lamina_bind(slot, address, flags, request)
}

/// Zeroed memory that lives as long as the process, which is how long a plug-in does.
private func lasting<Value>(_ type: Value.Type, _ fill: (inout Value) -> Void) -> UnsafePointer<Value> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<Value>.size, alignment: 16)
    memset(memory, 0, MemoryLayout<Value>.size)
    let value = memory.bindMemory(to: type, capacity: 1)
    fill(&value.pointee)
    return UnsafePointer(value)
}

private func text(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@c
private func instantiate(
    _ arguments: UnsafePointer<lamina_instance_arguments>,
    _ instance: UnsafeMutablePointer<lamina_instance>
) -> lamina_status {
    guard let mode = arguments.pointee.settings?.pointee.text else { return -EINVAL }
    instance.pointee.table = lasting(lamina_table.self) { table in
        table.size = UInt32(MemoryLayout<lamina_table>.size)
        table.version = LAMINA_ABI_VERSION
        table.open = openLayer
        if strcmp(mode, "forward") == 0 {
            table.send = forward
        } else if strcmp(mode, "watch") == 0 {
            table.send = watch
        } else {
            table.bind = bindLayer
        }
    }
    instance.pointee.context = calloc(1, MemoryLayout<UInt64>.size)
    return instance.pointee.context == nil ? -ENOMEM : 0
}

nonisolated(unsafe) private let provider = lasting(lamina_provider.self) { provider in
    provider.size = UInt32(MemoryLayout<lamina_provider>.size)
    provider.kind = UInt32(LAMINA_LAYERED_PROVIDER)
    provider.name = text("swift-layer")
    provider.version = text("1")
    provider.summary = text("does nothing")
    provider.uuid = text("0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c003")
    provider.phase = UInt32(LAMINA_PHASE_INSPECTOR)
    provider.categories = UInt32(
        LAMINA_BASIC | LAMINA_LISTEN | LAMINA_DATAGRAM | LAMINA_CONNECTION | LAMINA_STREAM
    )
    provider.setting_count = 1
    provider.settings = lasting(lamina_setting_declaration.self) { mode in
        mode.name = text("mode")
        mode.type = UInt32(LAMINA_SETTING_CHOICE)
        mode.choices = text("forward|watch|apart")
        mode.default_value = text("forward")
        mode.help = text("what it does with a send")
    }
    provider.instantiate = instantiate
    provider.destroy = { free($0) }
}

nonisolated(unsafe) private let providers = lasting(UnsafePointer<lamina_provider>?.self) { $0 = provider }

/// The start-up symbol.
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    lamina_offer(result, providers, 1)
}
