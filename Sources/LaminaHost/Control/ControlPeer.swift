import CLinux
import Glibc
import Lamina

/// One connection to a run's control socket: lines come in and go out.
final class ControlPeer {
    /// How much may wait for a peer that doesn't read.
    private static let patience = 1 << 20

    /// The connection.
    let descriptor: Int32
    /// What is waited for at the moment.
    var watched: UInt32 = 0
    /// Its next event, where it watches.
    var timer: UInt64?
    private var incoming: [UInt8] = []
    private var outgoing: [UInt8] = []
    private var isFinished = false

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// What to wait for.
    var events: UInt32 { (isFinished ? 0 : EventLoop.readable) | (outgoing.isEmpty ? 0 : EventLoop.writable) }

    /// Reads what has come and gives the whole lines; nil where the peer is gone, or says more than a line may hold.
    func read() -> [[UInt8]]? {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = clinux_receive(descriptor, &buffer, buffer.count)
            if count == -Int(EAGAIN) { break }
            if count == -Int(EINTR) { continue }
            if count < 0 { return nil }
            if count == 0 {
                // Who has finished sending may still wait for replies.
                isFinished = true
                break
            }
            incoming += buffer[..<count]
            if incoming.count > 4 * ControlRequest.longest { break }
        }
        var lines: [[UInt8]] = []
        while let end = incoming.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Array(incoming[..<end]))
            incoming.removeFirst(end + 1)
        }
        if incoming.count > ControlRequest.longest {
            send(
                ControlReply.failure(
                    LaminaError(.invalidArgument, "line", "is longer than \(ControlRequest.longest) bytes")
                )
            )
            return nil
        }
        return lines
    }

    /// Whether it has finished sending.
    var hasFinished: Bool { isFinished }

    /// Sends a line, now or when the peer reads; false where the peer is gone, or doesn't read.
    @discardableResult
    func send(_ object: JSON.Object) -> Bool {
        outgoing += Array(JSON.object(object).text().utf8) + [UInt8(ascii: "\n")]
        return flush()
    }

    /// Sends what waits; false where the peer is gone, or doesn't read.
    func flush() -> Bool {
        while !outgoing.isEmpty {
            let count = clinux_send(descriptor, outgoing, outgoing.count)
            if count == -Int(EINTR) { continue }
            if count == -Int(EAGAIN) { return outgoing.count <= ControlPeer.patience }
            if count < 0 { return false }
            outgoing.removeFirst(count)
        }
        return true
    }

    /// Whether everything has been sent.
    var isFlushed: Bool { outgoing.isEmpty }
}
