public import CLamina

/// The bytes that `count` buffers name together. Never blocks.
@inlinable
public func byteCount(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) -> Int {
    guard let buffers else { return 0 }
    var total = 0
    for index in 0..<Int(count) { total &+= buffers[index].length }
    return total
}

/// Copies `length` bytes to the front of `count` buffers, one after the other, as far as they have room; a buffer without
/// memory is passed over. The number of bytes that were copied. Never blocks or allocates; any thread.
@inlinable
public func scatter(
    _ bytes: UnsafeRawPointer,
    _ length: Int,
    over buffers: UnsafePointer<lamina_buffer>?,
    _ count: Int
) -> Int {
    guard let buffers else { return 0 }
    var moved = 0
    for index in 0..<count {
        guard let base = buffers[index].base else { continue }
        let chunk = min(buffers[index].length, length - moved)
        base.copyMemory(from: bytes + moved, byteCount: chunk)
        moved += chunk
    }
    return moved
}

extension lamina_message {
    /// A datagram to receive into one buffer, which must stand where it is until the call has returned: its sender goes to
    /// `address`, and its ancillary data to `control` with room for `controlRoom` bytes; nil where they aren't wanted.
    @inlinable
    public init(
        into buffer: UnsafePointer<lamina_buffer>,
        address: UnsafeMutablePointer<lamina_address>?,
        control: UnsafeMutableRawPointer?,
        controlRoom: Int
    ) {
        self.init()
        buffers = buffer
        buffer_count = 1
        self.address = address
        self.control = control
        control_length = controlRoom
    }
}

/// A list of buffers of which a part is done: what is left of it, as `struct iovec`s.
public struct RemainingBuffers {
    /// The first buffer that isn't done; owned by whoever made the list.
    public private(set) var buffers: UnsafeMutablePointer<lamina_buffer>?
    /// How many are left.
    public private(set) var count: Int
    /// The bytes that are left.
    public private(set) var bytes: Int

    /// The whole of `buffers`, whose descriptors `advance` changes.
    public init(_ buffers: UnsafeMutablePointer<lamina_buffer>?, count: Int) {
        self.buffers = buffers
        self.count = count
        bytes = byteCount(buffers.map { UnsafePointer($0) }, UInt32(count))
    }

    /// Takes `done` bytes off the front.
    public mutating func advance(by done: Int) {
        var rest = min(done, bytes)
        bytes -= rest
        while let buffer = buffers, count > 0, rest >= buffer.pointee.length {
            rest -= buffer.pointee.length
            buffers = buffer + 1
            count -= 1
        }
        guard rest > 0, let buffer = buffers, let base = buffer.pointee.base else { return }
        buffer.pointee.base = base + rest
        buffer.pointee.length -= rest
    }
}
