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

    /// Appends an address, nil for none: always as many bytes.
    public mutating func append(_ address: Address?) {
        withUnsafeBytes(of: address?.c ?? lamina_address()) { append(from: $0) }
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

    /// The address that `StateBytes.append` wrote `offset` bytes into the state; nil for none. Fails where it ends before, or
    /// there is no address.
    public func address(at offset: Int) throws(Failure) -> Address? {
        let size = MemoryLayout<lamina_address>.size
        guard offset >= 0, offset <= byteCount - size else { throw Failure(EINVAL, "the state ends too early") }
        var address = lamina_address()
        withUnsafeBytes { bytes in
            withUnsafeMutableBytes(of: &address) {
                $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size]))
            }
        }
        switch Int(address.form) {
        case LAMINA_ADDRESS_NONE: return nil
        case LAMINA_ADDRESS_SOCKET, LAMINA_ADDRESS_NAME: break
        default: throw Failure(EINVAL, "the state has no address where one should be")
        }
        guard address.length <= MemoryLayout.size(ofValue: address.storage) else {
            throw Failure(EINVAL, "the state has an address that is too long")
        }
        return Address(address)
    }
}
