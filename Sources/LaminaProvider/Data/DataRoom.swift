import CLamina
import Glibc

/// Memory of one operation's data, for an operation of a layer's own.
final class DataRoom {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ count: Int) { bytes = .allocate(byteCount: max(count, 0), alignment: 16) }
    deinit { bytes.deallocate() }

    var buffer: lamina_buffer { lamina_buffer(base: bytes.baseAddress, length: bytes.count) }

    /// Leaves nothing of what was in it.
    func wipe() {
        if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
    }
}
