import CLamina
import Glibc
import LaminaProvider

/// What waits goes on when the other side does something, on its thread: nothing needs the engine.
enum Lanes {
    nonisolated(unsafe) static let ofEnds = unsafe Immortal.copy(
        LaneActions(
            attempt: { unsafe Stream.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            idle: { lane in
                let end = unsafe lane.pointee.group.pointee.owner.assumingMemoryBound(to: End.self)
                if unsafe lane == end.input { unsafe end.pointee.indicator?.goOn() }
            },
            finish: { owner in
                if let state = unsafe owner.assumingMemoryBound(to: End.self).pointee.state {
                    unsafe Lifetime.finish(state)
                }
            }
        )
    )

    nonisolated(unsafe) static let ofListeners = unsafe Immortal.copy(
        LaneActions(
            attempt: { unsafe Accepting<Accept>.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            finish: { owner in unsafe Lifetime.finish(owner.assumingMemoryBound(to: Listener.self).pointee.state) }
        )
    )

    nonisolated(unsafe) static let ofMailboxes = unsafe Immortal.copy(
        LaneActions(
            attempt: { unsafe Datagram.attempt($0) },
            arm: { _ in 0 },
            dispose: { _ in },
            idle: { lane in
                unsafe lane.pointee.group.pointee.owner.assumingMemoryBound(to: Mailbox.self).pointee.indicator?.goOn()
            },
            finish: { owner in unsafe Lifetime.finish(owner.assumingMemoryBound(to: Mailbox.self).pointee.state) }
        )
    )
}
