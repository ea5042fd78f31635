public import CLamina

/// The bytes that `count` buffers name together. Never blocks.
@inlinable
public func byteCount(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) -> Int {
    guard let buffers else { return 0 }
    var total = 0
    for index in 0..<Int(count) { total &+= buffers[index].length }
    return total
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
