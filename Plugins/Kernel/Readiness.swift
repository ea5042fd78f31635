import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What a socket's watch has told of its input. The engine tells each edge once, so what nobody has read yet is
/// remembered here; and where nothing is left, a read is known to block without a system call.
enum Readiness {
    /// There may be something to read: set by edges, taken back by whoever is about to read, and set again unless the
    /// read shows that nothing is left.
    static let input: UInt32 = 1
    /// The stream has ended or broken: every read ends at once.
    static let ended: UInt32 = 2
    /// There are urgent data, where a read stops short.
    static let urgent: UInt32 = 4
    /// No edge is told: only a read shows what is there.
    static let unwatched: UInt32 = 8
}

extension UnsafeMutablePointer<SocketState> {
    private var readiness: UnsafeMutablePointer<UInt32> { unsafe field(\.readiness) }

    /// Whether a read may find something.
    @inline(__always)
    var mayHaveInput: Bool { unsafe clinux_load_u32(readiness) != 0 || !isWatchOwn }

    /// In a child process, what the parent's watch told is forgotten first.
    @inline(never)
    private var isWatchOwn: Bool {
        unsafe group.renewIfForked()
        return unsafe clinux_load_u32(readiness) == 0
    }

    /// Whether an edge has come whose input nobody has read.
    var hasUnreadInput: Bool { unsafe clinux_load_u32(readiness) & Readiness.input != 0 }

    /// Whether an edge has told of an end that nobody has looked at.
    var hasUnseenEnd: Bool { unsafe clinux_load_u32(readiness) & Readiness.ended != 0 }

    /// Calls `read` if there may be something, and notes whether it left something. `room`: how many bytes it takes at
    /// most, for a read of bytes. A negative errno, -EAGAIN for nothing, or what was read.
    @inline(__always)
    func reading(_ room: Int? = nil, _ read: () -> Int) -> Int {
        guard unsafe mayHaveInput else { return -Int(EAGAIN) }
        if unsafe clinux_load_u32(readiness) & Readiness.unwatched != 0 { return read() }
        let before = unsafe clinux_clear_bits_u32(readiness, Readiness.input | Readiness.urgent)
        let result = read()
        if result != -Int(EAGAIN), unsafe !isDrained(result, room, before) {
            _ = unsafe clinux_set_bits_u32(readiness, Readiness.input | before & Readiness.urgent)
        }
        return result
    }

    /// Whether a TCP read got less than it had room for because there was no more. At its end, and at urgent data, it
    /// gets less in any case.
    private func isDrained(_ result: Int, _ room: Int?, _ before: UInt32) -> Bool {
        guard let room, result > 0, result < room, before & (Readiness.ended | Readiness.urgent) == 0 else {
            return false
        }
        return unsafe isTCP
    }

    var isTCP: Bool {
        unsafe pointee.type == streamType && (pointee.family == AF_INET || pointee.family == AF_INET6)
            && (pointee.transport == 0 || pointee.transport == Int32(IPPROTO_TCP))
    }

    /// Somebody has seen input, before the engine perhaps.
    func noteInput() {
        if unsafe clinux_load_u32(readiness) & Readiness.unwatched == 0 {
            _ = unsafe clinux_set_bits_u32(readiness, Readiness.input)
        }
    }

    /// Edges of the input are told from now on.
    func beginReadiness() { _ = unsafe clinux_clear_bits_u32(readiness, Readiness.unwatched) }

    /// Nobody tells edges any more.
    func endReadiness() { unsafe clinux_store_u32(readiness, Readiness.unwatched) }

    /// Notes what an edge told of the input; false: nothing.
    func note(_ events: UInt32) -> Bool {
        let isOver = events & (Lanes.ended | Lanes.broken) != 0
        guard isOver || events & (Lanes.readable | Lanes.urgent) != 0 else { return false }
        var bits = Readiness.input
        if isOver, unsafe pointee.type == streamType { bits |= Readiness.ended }
        if events & Lanes.urgent != 0 { bits |= Readiness.urgent }
        _ = unsafe clinux_set_bits_u32(readiness, bits)
        return true
    }

    /// Whether nothing more will come, or an error waits: asked of the kernel, now.
    var mayHaveEnded: Bool {
        // An edge that comes meanwhile is another question.
        let before = unsafe clinux_clear_bits_u32(readiness, Readiness.ended)
        let ended = Int16(truncatingIfNeeded: Lanes.ended)
        let hints = Int32(ended) | Int32(POLLHUP) | Int32(POLLERR)
        let isOver = unsafe clinux_raw_poll_now(pointee.descriptor, ended) & hints != 0
        if isOver { _ = unsafe clinux_set_bits_u32(readiness, before & Readiness.ended) }
        return isOver
    }
}
