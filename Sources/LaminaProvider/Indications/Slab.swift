import CLinux
import Glibc

/// Memory where indicated data stand one after another. It goes back when nobody holds any of them, so that a client
/// which retains a little doesn't keep a lot.
struct Slab {
    /// Nodes that somebody holds, and one for whoever fills it.
    var references: UInt32
    var used: Int
    var next: UnsafeMutablePointer<Slab>?

    static let capacity = 256 << 10
    /// Room for the longest datagram with what stands before it.
    static let largest = 72 << 10
    static let head = (MemoryLayout<Slab>.size + 15) & ~15
}

extension UnsafeMutablePointer<Slab> {
    /// Where the next node may stand.
    var place: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + Slab.head + pointee.used }

    /// How many bytes are left from there.
    var room: Int { Slab.capacity - Slab.head - pointee.used }

    /// Takes `count` bytes, for a node that refers to the slab.
    func take(_ count: Int) {
        field(\.used).pointee += (count + 15) & ~15
        _ = clinux_add_u32(field(\.references), 1)
    }

    /// Gives one reference back, on any thread.
    func release() {
        if clinux_add_u32(field(\.references), -1) == 0 { free(UnsafeMutableRawPointer(self)) }
    }
}

/// Slabs that have room, shared by the sockets of a plug-in.
enum SlabPool {
    // Guarded by the lock.
    nonisolated(unsafe) private static var first: UnsafeMutablePointer<Slab>?
    nonisolated(unsafe) private static var count = 0
    private static let lock = PluginLock { (first, count) = (nil, 0) }

    /// A slab with room for the largest node; the caller's alone until it gives it back. Nil: no memory.
    static func take() -> UnsafeMutablePointer<Slab>? {
        let slab = lock.locked {
            guard let slab = first else { return nil as UnsafeMutablePointer<Slab>? }
            first = slab.pointee.next
            count -= 1
            return slab
        }
        if let slab { return slab }
        guard let memory = malloc(Slab.capacity) else { return nil }
        let made = memory.bindMemory(to: Slab.self, capacity: 1)
        made.initialize(to: Slab(references: 1, used: 0, next: nil))
        return made
    }

    /// Keeps a slab for the next one who needs room.
    static func give(_ slab: UnsafeMutablePointer<Slab>) {
        if clinux_load_u32(slab.field(\.references)) == 1 { slab.pointee.used = 0 }
        guard slab.room >= Slab.largest else { return slab.release() }
        let isKept = lock.locked {
            guard count < 4 else { return false }
            slab.pointee.next = first
            first = slab
            count += 1
            return true
        }
        if !isKept { slab.release() }
    }
}
