import CLamina
import Glibc
import LaminaProvider

/// What waits goes on when the other side does something, on its thread: nothing needs the engine.
enum Lanes {
    nonisolated(unsafe) static let ofEnds = Immortal.copy(
        LaneActions(
            attempt: { Stream.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            idle: { lane in
                let end = lane.pointee.group.pointee.owner.assumingMemoryBound(to: End.self)
                if lane == end.input { end.pointee.indicator?.goOn() }
            },
            finish: { owner in
                if let state = owner.assumingMemoryBound(to: End.self).pointee.state { Lifetime.finish(state) }
            }
        )
    )

    nonisolated(unsafe) static let ofListeners = Immortal.copy(
        LaneActions(
            attempt: { Accepting<Accept>.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            finish: { owner in Lifetime.finish(owner.assumingMemoryBound(to: Listener.self).pointee.state) }
        )
    )

    nonisolated(unsafe) static let ofMailboxes = Immortal.copy(
        LaneActions(
            attempt: { Datagram.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            idle: { lane in
                lane.pointee.group.pointee.owner.assumingMemoryBound(to: Mailbox.self).pointee.indicator?.goOn()
            },
            finish: { owner in Lifetime.finish(owner.assumingMemoryBound(to: Mailbox.self).pointee.state) }
        )
    )
}
