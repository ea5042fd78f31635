import CLinux
import Glibc

/// A `struct msghdr` in the memory of a stopped call's caller.
struct StoppedMessage {
    /// Between those of a `struct mmsghdr` array: the header, a length, and what aligns it.
    static let strideOfSeveral = MemoryLayout<msghdr>.stride + 8

    private static let mostParts: UInt64 = 1024
    private static let mostBytes = 65536

    private struct Part {
        var base: UInt64
        var count: UInt64
    }

    private let place: UInt64
    private let nameAddress: UInt64
    /// How many bytes the name has, or room for it.
    let nameLength: UInt32
    private let parts: [Part]

    /// Nil where it can't be read.
    init?(of call: StoppedCall, at place: UInt64) {
        let size = MemoryLayout<msghdr>.size
        guard let bytes = call.read(place, UInt64(size), most: size) else { return nil }
        func word(_ at: Int) -> UInt64 {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
        }
        let count = min(word(24), Self.mostParts)
        let partSize = 16
        guard let list = call.read(word(16), count * 16, most: Int(Self.mostParts) * partSize) else { return nil }
        self.place = place
        nameAddress = word(0)
        nameLength = nameAddress == 0 ? 0 : UInt32(truncatingIfNeeded: word(8))
        parts = (0..<Int(count)).map { index in
            list.withUnsafeBytes { bytes in
                Part(
                    base: bytes.loadUnaligned(fromByteOffset: index * partSize, as: UInt64.self),
                    count: bytes.loadUnaligned(fromByteOffset: index * partSize + 8, as: UInt64.self)
                )
            }
        }
    }

    /// How many bytes it has or takes.
    var count: Int { parts.reduce(0) { $0 + Int(clamping: min($1.count, UInt64(Self.mostBytes))) } }

    func name(of call: StoppedCall) throws(Errno) -> SocketBytes {
        try call.address(at: nameAddress, length: UInt64(nameLength))
    }

    /// Its data, one part after the other; nil where they can't be read.
    func gather(_ call: StoppedCall) -> [UInt8]? {
        var data: [UInt8] = []
        for part in parts {
            guard let bytes = call.read(part.base, part.count, most: Self.mostBytes) else { return nil }
            data += bytes
        }
        return data
    }

    /// Writes data to its parts, who sent them, and that there is nothing beside them; false where that can't be written.
    func scatter(_ data: [UInt8], from: Endpoint?, flags: Int32, to call: StoppedCall) -> Bool {
        var rest = data[...]
        for part in parts where !rest.isEmpty {
            let piece = rest.prefix(Int(clamping: part.count))
            guard piece.withUnsafeBytes({ $0.isEmpty || call.write($0, at: part.base) }) else { return false }
            rest = rest.dropFirst(piece.count)
        }
        if nameAddress != 0 {
            let isWritten =
                from.map { call.write($0, at: nameAddress, room: nameLength, length: place + 8) }
                ?? call.write(socklen_t(0), at: place + 8)
            guard isWritten else { return false }
        }
        return call.write(UInt64(0), at: place + 40) && call.write(flags, at: place + 48)
    }

    /// Writes how many bytes of it were sent, behind it.
    func noteLength(_ count: Int, of call: StoppedCall) -> Bool {
        call.write(UInt32(count), at: place + UInt64(MemoryLayout<msghdr>.size))
    }
}
