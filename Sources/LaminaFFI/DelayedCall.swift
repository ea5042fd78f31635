import CLamina
import CLaminaFFI
import Glibc
import Synchronization

/// A call that its handler left pending (`lamina_delayed`). It is forwarded or ended once; one that is given up ends with
/// ECANCELED. Any thread.
public final class DelayedCall: @unchecked Sendable {
    // Taken once, by the exchange.
    private let pointer: OpaquePointer
    private let isTaken = Atomic(false)

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        end { _ = lamina_delayed_complete(pointer, -ECANCELED, 0) }
    }

    /// Makes the call at the next level, now or after those before it in its lane; false where it was cancelled meanwhile,
    /// its socket closed, or it has ended (`lamina_delayed_forward`).
    @discardableResult
    public func forward() -> Bool {
        end { lamina_delayed_forward(pointer) == 0 } ?? false
    }

    /// Ends it with an `errno`, as `GenericCall.fail` does; false as in `forward` (`lamina_delayed_complete`).
    @discardableResult
    public func fail(_ error: Int32) -> Bool {
        end { lamina_delayed_complete(pointer, lamina_status(failing: error), 0) == 0 } ?? false
    }

    /// Ends it with success; false as in `forward`.
    @discardableResult
    public func complete(bytes: UInt64 = 0) -> Bool {
        end { lamina_delayed_complete(pointer, 0, bytes) == 0 } ?? false
    }

    @discardableResult
    private func end<Result>(_ body: () -> Result) -> Result? {
        isTaken.exchange(true, ordering: .acquiringAndReleasing) ? nil : body()
    }
}
