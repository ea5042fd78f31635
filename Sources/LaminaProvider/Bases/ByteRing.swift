public import CLamina
import Glibc

/// Bytes that wait for a receiver, in their order, up to a number of them, for a struct in raw memory: whoever has it
/// discards it. Its memory comes with the first byte. Guarded by its owner.
public struct ByteRing {
    private var base: UnsafeMutableRawPointer?
    /// The most bytes that it holds.
    public private(set) var capacity: Int
    private var head = 0
    /// The bytes that wait.
    public private(set) var count = 0

    /// Without a byte or memory. At least one byte fits.
    public init(capacity: Int) { self.capacity = max(capacity, 1) }

    /// Copies in what there is room for. Nil: no memory.
    public mutating func put(_ buffers: UnsafePointer<lamina_buffer>, _ number: Int) -> Int? {
        if base == nil { base = malloc(capacity) }
        guard let base else { return nil }
        var moved = 0
        for index in 0..<number {
            guard var source = buffers[index].base else { continue }
            var rest = min(buffers[index].length, capacity - count)
            while rest > 0 {
                let tail = (head + count) % capacity
                let chunk = min(rest, capacity - tail)
                memcpy(base + tail, source, chunk)
                source += chunk
                rest -= chunk
                count += chunk
                moved += chunk
            }
        }
        return moved
    }

    /// Copies out what is there and fits; `keeps`: leaves it there.
    public mutating func take(_ buffers: UnsafePointer<lamina_buffer>, _ number: Int, keeps: Bool) -> Int {
        guard base != nil else { return 0 }
        var moved = 0
        for index in 0..<number {
            guard let target = buffers[index].base else { continue }
            let length = min(buffers[index].length, count - moved)
            forEachPiece(moved, length) { target.advanced(by: $0).copyMemory(from: $1, byteCount: $2) }
            moved += length
        }
        if !keeps { drop(moved) }
        return moved
    }

    /// Moves out what is there and fits.
    mutating func take(into room: inout ReceiveRoom) -> Int {
        let length = min(room.free, count)
        forEachPiece(0, length) { room.append(UnsafeRawBufferPointer(start: $1, count: $2).bytes) }
        drop(length)
        return length
    }

    /// Runs `body` with the pieces of `length` bytes, of which the first is the `start`th: how many came before, where it
    /// stands, how long it is.
    private func forEachPiece(_ start: Int, _ length: Int, _ body: (Int, UnsafeRawPointer, Int) -> Void) {
        guard let base else { return }
        var done = 0
        while done < length {
            let from = (head + start + done) % capacity
            let chunk = min(length - done, capacity - from)
            body(done, UnsafeRawPointer(base + from), chunk)
            done += chunk
        }
    }

    private mutating func drop(_ length: Int) {
        head = (head + length) % capacity
        count -= length
        // An empty buffer is used from its start again, so that few pages stay touched.
        if count == 0 { head = 0 }
    }

    /// Holds up to so many bytes from now on, if nothing was ever put in.
    public mutating func resize(_ capacity: Int) {
        if base == nil { self.capacity = max(capacity, 1) }
    }

    /// Forgets what waits, and gives the memory back.
    public mutating func discard() {
        free(base)
        base = nil
        (head, count) = (0, 0)
    }
}
