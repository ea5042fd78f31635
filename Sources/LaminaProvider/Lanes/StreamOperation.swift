import CLamina
import Glibc

/// What sends and receives on a connection have in common, whatever moves the bytes. Movers answer the bytes that they
/// moved, or a negative errno; -EAGAIN means that it would block.
public enum StreamOperation {
    /// Whether a receive's flags go together, with buffers of `total` bytes.
    public static func isReceive(_ flags: UInt32, _ total: Int) -> Bool {
        let known = LAMINA_RECEIVE_URGENT | LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN | LAMINA_RECEIVE_PEEK
        guard flags & ~UInt32(known) == 0 else { return false }
        if flags & UInt32(LAMINA_RECEIVE_DRAIN) != 0 { return flags == UInt32(LAMINA_RECEIVE_DRAIN) && total == 0 }
        let both = UInt32(LAMINA_RECEIVE_PEEK | LAMINA_RECEIVE_WAIT_ALL)
        return flags & both != both
    }

    /// Sends what is left.
    public static func attemptSend(
        _ operation: UnsafeMutablePointer<Operation>,
        _ transmit: (RemainingBuffers) -> Int
    ) -> Outcome {
        while operation.pointee.remaining.bytes > 0 {
            let sent = transmit(operation.pointee.remaining)
            if sent == -Int(EAGAIN) { return .blocked }
            guard sent >= 0 else {
                operation.pointee.status = Int32(sent)
                return .ended
            }
            operation.pointee.moved += UInt64(sent)
            operation.pointee.remaining.advance(by: sent)
        }
        return .ended
    }

    /// Receives as the operation's flags say. `take` answers 0 at the stream's end, and `end` the status for 0 or an
    /// error.
    public static func attemptReceive(
        _ operation: UnsafeMutablePointer<Operation>,
        end: (Int) -> Int32,
        take: (RemainingBuffers) -> Int
    ) -> Outcome {
        let flags = operation.pointee.flags
        if flags & UInt32(LAMINA_RECEIVE_DRAIN) != 0 { return drain(operation, end: end, take: take) }
        while operation.pointee.remaining.bytes > 0 {
            let received = take(operation.pointee.remaining)
            if received == -Int(EAGAIN) { return .blocked }
            guard received > 0 else {
                operation.pointee.status = end(received)
                return .ended
            }
            operation.pointee.moved += UInt64(received)
            operation.pointee.remaining.advance(by: received)
            if flags & UInt32(LAMINA_RECEIVE_WAIT_ALL) == 0 { return .ended }
        }
        return .ended
    }

    /// Discards what comes until the stream ends.
    private static func drain(
        _ operation: UnsafeMutablePointer<Operation>,
        end: (Int) -> Int32,
        take: (RemainingBuffers) -> Int
    ) -> Outcome {
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { scratch in
            var buffer = lamina_buffer(base: scratch.baseAddress, length: scratch.count)
            while true {
                let received = withUnsafeMutablePointer(to: &buffer) { take(RemainingBuffers($0, count: 1)) }
                if received == -Int(EAGAIN) { return .blocked }
                guard received > 0 else {
                    operation.pointee.status = end(received)
                    return .ended
                }
                operation.pointee.moved += UInt64(received)
            }
        }
    }
}
