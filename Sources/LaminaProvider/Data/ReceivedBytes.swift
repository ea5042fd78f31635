import CLamina
import Glibc

/// A layer that sees the bytes that were received, by a connection or of a datagram, when they are there, and leaves them as
/// they are. It has `receive` and `receiveFrom` by that. Data that is indicated comes by `ReceiveEvents` and
/// `ReceiveFromEvents`, without which it is refused.
public protocol ReceivedBytes: ReceiveCalls, ReceiveFromCalls, ~Copyable {
    /// Runs for each buffer that a receive has filled or begun to fill, in order. `isLook`: the bytes stay where they are
    /// and come again. Any thread, one at a time for a socket; must not block.
    func received(_ bytes: borrowing RawSpan, isLook: Bool, _ ending: borrowing Ending<State>)
}

extension ReceivedBytes where Self: ~Copyable {
    /// Passes the receive on.
    public func receive(_ room: Incoming, next: consuming Next<State>) -> Answer {
        let (slot, request) = (next.slot, next.request)
        guard KeptRoom.keep(room.buffers, room.bufferCount, room.flags, slot, request) else { return next.fail(ENOMEM) }
        return next.receive(room)
    }

    /// Passes the receive on.
    public func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer {
        let (slot, request, message) = (next.slot, next.request, room.message)
        let (buffers, count) = (message.pointee.buffers, message.pointee.buffer_count)
        guard KeptRoom.keep(buffers, count, room.flags, slot, request) else { return next.fail(ENOMEM) }
        return next.receiveFrom(room)
    }

    /// Shows the bytes that came into a room.
    static func see(
        _ part: Part,
        _ kept: KeptRoom,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) {
        let isLook = kept.isPeek
        kept.forEach(Int(clamping: request.pointee.bytes)) { bytes in
            let ending = Ending<State>(slot, request, moved: isLook ? 0 : request.pointee.bytes)
            part.layer(Self.self).pointee.received(UnsafeRawBufferPointer(bytes).bytes, isLook: isLook, ending)
        }
    }
}
