import CLamina

/// A datagram of a layer's own: a copy of one that has ended above, with all that it names.
final class CopiedDatagram {
    // Its lane's until it is sent, then its request's.
    private let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private let message = UnsafeMutablePointer<lamina_message>.allocate(capacity: 1)
    private let buffer = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 1)
    private let address = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
    private let bytes: UnsafeMutableRawBufferPointer
    private let control: UnsafeMutableRawBufferPointer
    private let flags: UInt32

    init(_ original: lamina_message, _ flags: UInt32) {
        self.flags = flags
        let count = Int(original.buffer_count)
        bytes = .allocate(byteCount: max(1, byteCount(original.buffers, original.buffer_count)), alignment: 16)
        let controlLength = original.control == nil ? 0 : original.control_length
        control = .allocate(byteCount: max(1, controlLength), alignment: 16)
        var length = 0
        for index in 0..<count {
            guard let buffer = original.buffers?[index], let base = buffer.base else { continue }
            UnsafeMutableRawBufferPointer(rebasing: bytes[length...])
                .copyMemory(from: UnsafeRawBufferPointer(start: base, count: buffer.length))
            length += buffer.length
        }
        buffer.initialize(to: lamina_buffer(base: bytes.baseAddress, length: length))
        message.initialize(to: original)
        message.pointee.buffers = UnsafePointer(buffer)
        message.pointee.buffer_count = 1
        if let given = original.address {
            address.initialize(to: given.pointee)
            message.pointee.address = address
        }
        if let given = original.control {
            control.copyMemory(from: UnsafeRawBufferPointer(start: given, count: controlLength))
            message.pointee.control = control.baseAddress
        }
    }

    deinit {
        request.deallocate()
        message.deallocate()
        buffer.deallocate()
        address.deallocate()
        bytes.deallocate()
        control.deallocate()
    }

    /// Sends it from this slot on; what comes of it nobody hears.
    func send(from slot: UnsafeMutablePointer<lamina_slot>) {
        lamina_request_prepare(
            request,
            { _, _, context in
                if let context { Unmanaged<CopiedDatagram>.fromOpaque(context).release() }
                return 0
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        _ = DirectLinks.sendTo(slot, message, flags, request)
    }
}
