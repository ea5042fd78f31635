import CLamina
import Glibc

/// A layer whose sockets take their state along to another process (WSPDuplicateSocket, both halves).
public protocol HandsOver: Layer, ~Copyable {
    /// The version of what `export` writes. Grows when its layout changes.
    static var stateVersion: UInt32 { get }

    /// Writes the state of a socket for the other process. Any thread; must not block.
    func export(_ state: borrowing State, to bytes: inout StateBytes)

    /// Makes the state of a socket from what another process wrote, of the version `stateVersion`. A failure refuses the
    /// socket. Any thread; must not block.
    func adopt(_ bytes: borrowing RawSpan, _ socket: borrowing Socket) throws(Failure) -> State
}

/// What a layer writes of a socket's state: at most as much as there is room for, and all of it counted.
public struct StateBytes: ~Copyable {
    private let room: UnsafeMutableRawBufferPointer
    /// The bytes that were written, or would have been with enough room.
    public private(set) var count = 0

    init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    /// Whether there was room for all.
    var fits: Bool { count <= room.count }

    /// Appends an integer, the lowest byte first.
    public mutating func append(_ value: some FixedWidthInteger) {
        var value = value.littleEndian
        withUnsafeBytes(of: &value) { append(from: $0) }
    }

    /// Appends bytes.
    public mutating func append(_ bytes: borrowing RawSpan) {
        bytes.withUnsafeBytes { append(from: $0) }
    }

    private mutating func append(from bytes: UnsafeRawBufferPointer) {
        if count + bytes.count <= room.count {
            UnsafeMutableRawBufferPointer(rebasing: room[count...]).copyMemory(from: bytes)
        }
        count += bytes.count
    }
}

extension RawSpan {
    /// The integer that `StateBytes.append` wrote `offset` bytes into the state. Fails where it ends before.
    public func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int,
        as type: Value.Type = Value.self
    ) throws(Failure) -> Value {
        let size = MemoryLayout<Value>.size
        guard offset >= 0, offset <= byteCount - size else { throw Failure(EINVAL, "the state ends too early") }
        return Value(littleEndian: withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) })
    }
}
