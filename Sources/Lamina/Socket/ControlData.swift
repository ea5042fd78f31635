import CLamina
import Glibc

/// One piece of control data, which travels beside a datagram (`struct cmsghdr`, WSACMSGHDR): where it went, its traffic
/// class, its hop limit, when it came.
public struct ControlData: Sendable, Hashable {
    /// Whose it is, e.g. `IPPROTO_IP`.
    public let level: Int32
    /// What it is, e.g. `IP_TOS`.
    public let type: Int32
    /// Its content, in the kernel's layout.
    public let bytes: [UInt8]

    /// A piece in its parts.
    public init(level: Int32, type: Int32, bytes: [UInt8]) {
        self.level = level
        self.type = type
        self.bytes = bytes
    }

    /// A piece that is an integer, as most are.
    public init(level: Int32, type: Int32, value: Int32) {
        self.init(level: level, type: type, bytes: withUnsafeBytes(of: value) { Array($0) })
    }

    /// The integer that it is; nil where there are neither one nor four bytes.
    public var value: Int32? {
        switch bytes.count {
        case 1: Int32(bytes[0])
        case 4: bytes.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        default: nil
        }
    }

    /// Pieces as a call takes them.
    static func encode(_ pieces: [ControlData]) -> [UInt8] {
        let capacity = pieces.reduce(0) { $0 + lamina_control_space($1.bytes.count) }
        var used = 0
        var room = [UInt8](repeating: 0, count: capacity)
        room.withUnsafeMutableBytes { room in
            guard let base = room.baseAddress else { return }
            for piece in pieces {
                piece.bytes.withUnsafeBytes { bytes in
                    // There is room for all of them.
                    let data = bytes.baseAddress ?? UnsafeRawPointer(base)
                    _ = lamina_control_append(base, capacity, &used, piece.level, piece.type, data, bytes.count)
                }
            }
        }
        return room
    }

    /// The pieces that control data hold, as far as their lengths fit.
    public static func decode(_ control: UnsafeRawBufferPointer) -> [ControlData] {
        var pieces: [ControlData] = []
        var (offset, item) = (0, lamina_control_item())
        while lamina_control_next(control.baseAddress, control.count, &offset, &item) > 0 {
            let bytes = Array(UnsafeRawBufferPointer(start: item.data, count: item.length))
            pieces.append(ControlData(level: item.level, type: item.type, bytes: bytes))
        }
        return pieces
    }
}
