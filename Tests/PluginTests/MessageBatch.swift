import CLamina
import Glibc
import Lamina

/// Datagrams to send, or room for some, for the calls that take many at once. What the calls are given stays where it
/// is for the batch's life.
final class MessageBatch {
    /// What `bytes` of a message holds that nothing was written to.
    static let untouched = UInt64.max

    let messages: UnsafeMutablePointer<lamina_message>
    let count: Int
    private let room: UnsafeMutableRawPointer
    private let stride: Int
    private let buffers: UnsafeMutablePointer<lamina_buffer>
    private let addresses: UnsafeMutablePointer<lamina_address>
    private let control: UnsafeMutableRawPointer
    private static let controlStride = 256

    /// Datagrams of these bytes, to `target` or to where the socket is connected to.
    convenience init(_ datagrams: [[UInt8]], to target: Address? = nil) {
        self.init(room: datagrams.count, size: datagrams.map(\.count).max() ?? 0)
        for (index, bytes) in datagrams.enumerated() {
            (room + index * stride).copyMemory(from: bytes, byteCount: bytes.count)
            buffers[index].length = bytes.count
            if let target { addresses[index] = target.c } else { messages[index].address = nil }
        }
    }

    /// Room for `count` datagrams of up to `size` bytes, and for `control` bytes of ancillary data with each.
    init(room count: Int, size: Int, control controlLength: Int = 0) {
        self.count = count
        stride = max(size, 1)
        room = .allocate(byteCount: count * stride, alignment: 16)
        buffers = .allocate(capacity: count)
        addresses = .allocate(capacity: count)
        control = .allocate(byteCount: count * Self.controlStride, alignment: 16)
        messages = .allocate(capacity: count)
        for index in 0..<count {
            (buffers + index).initialize(to: lamina_buffer(base: room + index * stride, length: size))
            (addresses + index).initialize(to: lamina_address())
            var message = lamina_message()
            message.buffers = UnsafePointer(buffers + index)
            message.buffer_count = 1
            message.address = addresses + index
            message.bytes = Self.untouched
            (messages + index).initialize(to: message)
            if controlLength > 0 { setControl(index, length: controlLength) }
        }
    }

    deinit {
        for memory in [room, control] { memory.deallocate() }
        buffers.deallocate()
        addresses.deallocate()
        messages.deallocate()
    }

    func setControl(_ index: Int, length: Int) {
        messages[index].control = control + index * Self.controlStride
        messages[index].control_length = length
    }

    /// Gives a message one piece of ancillary data, a number.
    func setControl(_ index: Int, _ level: Int32, _ type: Int32, _ value: Int32) {
        let head = (control + index * Self.controlStride).assumingMemoryBound(to: cmsghdr.self)
        let headLength = MemoryLayout<cmsghdr>.size
        head.pointee.cmsg_len = headLength + MemoryLayout<Int32>.size
        head.pointee.cmsg_level = level
        head.pointee.cmsg_type = type
        UnsafeMutableRawPointer(head).storeBytes(of: value, toByteOffset: headLength, as: Int32.self)
        setControl(index, length: headLength + 8)
    }

    /// The first byte of a message's first piece of ancillary data.
    func controlByte(_ index: Int) -> UInt8? {
        let head = MemoryLayout<cmsghdr>.size
        guard messages[index].control_length > head else { return nil }
        return messages[index].control?.load(fromByteOffset: head, as: UInt8.self)
    }

    /// Sends to a name, which no datagram can be sent to.
    func address(_ index: Int, to name: String) {
        addresses[index] = Address(host: name, port: 1).c
        messages[index].address = addresses + index
    }

    /// Sends the whole batch.
    func send(_ socket: Socket, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        lamina_socket_send_messages(socket.handle, messages, UInt32(count), 0, request)
    }

    /// Receives into the batch.
    func receive(
        _ socket: Socket,
        _ request: UnsafeMutablePointer<lamina_request>,
        flags: Int = 0
    ) -> lamina_status {
        lamina_socket_receive_messages(socket.handle, messages, UInt32(count), UInt32(flags), request)
    }

    /// What a message holds, sent or received.
    func bytes(_ index: Int) -> [UInt8] {
        let length = messages[index].bytes
        return Array(UnsafeRawBufferPointer(start: room + index * stride, count: Int(min(length, UInt64(stride)))))
    }

    func sender(_ index: Int) -> Address { Address(addresses[index]) }

    func isMarked(_ index: Int, _ mark: Int) -> Bool { messages[index].flags & UInt32(mark) != 0 }

    /// How many messages something was written to.
    var written: Int { (0..<count).count { messages[$0].bytes != Self.untouched } }
}

/// How a call ended that only tries.
func trying(_ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status) -> (status: Int32, bytes: UInt64) {
    var request = lamina_request()
    lamina_request_prepare(&request, nil, nil)
    request.flags = UInt32(LAMINA_REQUEST_TRY)
    let status = call(&request)
    return (status, request.bytes)
}
