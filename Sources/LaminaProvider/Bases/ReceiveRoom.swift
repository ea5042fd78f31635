import CLamina

/// The room that a base puts received bytes into: of a call, or of an indication.
public struct ReceiveRoom: ~Copyable, ~Escapable {
    private let buffers: UnsafePointer<lamina_buffer>
    private let number: Int
    private var index = 0
    private var offset = 0
    /// The bytes that it had room for at first.
    public let capacity: Int
    /// The bytes that were put in.
    public private(set) var count = 0

    @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>, _ number: Int) {
        self.buffers = buffers
        self.number = number
        capacity = byteCount(buffers, UInt32(number))
    }

    /// The bytes that there is room for.
    public var free: Int { capacity - count }

    /// Puts in as many of the bytes as there is room for, and answers how many.
    @discardableResult
    public mutating func append(_ bytes: borrowing RawSpan) -> Int {
        bytes.withUnsafeBytes { append(from: $0) }
    }

    private mutating func append(from bytes: UnsafeRawBufferPointer) -> Int {
        var moved = 0
        while moved < bytes.count, index < number {
            // A buffer without memory is passed over.
            if let target = buffers[index].base, let source = bytes.baseAddress {
                let length = min(buffers[index].length - offset, bytes.count - moved)
                (target + offset).copyMemory(from: source + moved, byteCount: length)
                moved += length
                offset += length
                guard offset == buffers[index].length else { break }
            }
            (index, offset) = (index + 1, 0)
        }
        count += moved
        return moved
    }
}
