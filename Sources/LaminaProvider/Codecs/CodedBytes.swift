import CLamina
import Glibc

/// What a coder made of a stream's bytes, in their order. Grows as it is needed.
public struct CodedBytes: ~Copyable, @unchecked Sendable {
    // Nobody else has the memory.
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    /// The bytes that are here.
    public private(set) var count = 0
    /// Bytes were lost for want of memory.
    private(set) var hasFailed = false

    init() {}

    deinit { free(memory) }

    /// Appends one byte.
    public mutating func append(_ byte: UInt8) {
        guard let place = room(1) else { return }
        place.storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    /// Appends bytes.
    public mutating func append(_ bytes: borrowing RawSpan) { bytes.withUnsafeBytes { append(from: $0) } }

    mutating func append(from bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty, let place = room(bytes.count) else { return }
        place.copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Appends bytes.
    public mutating func append(_ bytes: Span<UInt8>) { append(bytes.bytes) }

    /// Moves bytes into the room, as many as are there and fit.
    mutating func take(into room: inout ReceiveRoom) {
        guard let memory, count > 0 else { return }
        drop(room.append(UnsafeRawBufferPointer(start: memory + start, count: count).bytes))
    }

    /// All that is here, until it changes.
    var buffer: lamina_buffer { lamina_buffer(base: memory.map { $0 + start }, length: count) }

    /// Forgets the first bytes.
    mutating func drop(_ length: Int) {
        (start, count) = (start + length, count - length)
        if count == 0 { start = 0 }
    }

    private mutating func room(_ length: Int) -> UnsafeMutableRawPointer? {
        if start + count + length > capacity {
            if start > 0, let memory {
                memmove(memory, memory + start, count)
                start = 0
            }
            if count + length > capacity {
                let wanted = max(2 * capacity, count + length, 256)
                guard let grown = realloc(memory, wanted) else {
                    hasFailed = true
                    return nil
                }
                (memory, capacity) = (grown, wanted)
            }
        }
        return memory.map { $0 + start + count }
    }
}
