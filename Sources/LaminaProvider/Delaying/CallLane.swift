import CLamina
import Synchronization

/// What is kept of one direction of a socket whose calls take turns.
///
/// A call that finds nobody in the lane and nothing waiting takes it with one atomic operation and gives it back with another.
/// Everything else is done under the lock of the lanes.
struct CallLane: ~Copyable {
    /// The end of a call that goes up later.
    struct End {
        let request: UnsafeMutablePointer<lamina_request>
        let status: lamina_status
        let bytes: UInt64
        let due: Int64
    }

    /// Who is inside, and whether there is anything to look at: the bits below. 0: a call may come in without the lock.
    private let state = Atomic<UInt32>(0)
    /// A thread that came without the lock decides about a call and passes it on.
    private static let passing: UInt32 = 1
    /// A thread decides about a call, or one is passed on in parts. Changes under the lock.
    private static let busy: UInt32 = 2
    /// Something is kept here, or the socket closes: who leaves looks at it. Changes under the lock.
    private static let more: UInt32 = 4
    /// The call that comes in now, while it is passed on.
    private let inside = Atomic<UInt>(0)

    // What follows is guarded by the lock, and changes member by member: threads without it look at those above meanwhile.
    var waiting: [HeldCall] = []
    var ended: [End] = []
    var isDelivering = false
    /// Datagrams of the layer's own, and when they go.
    var copies: [(datagram: CopiedDatagram, due: Int64)] = []
    /// When the engine looks here, as far as it was asked.
    var alarm = Int64.max

    // MARK: - Any thread

    /// Takes a lane with nobody and nothing in it, for a call that comes. Without the lock.
    func enter(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        guard state.compareExchange(expected: 0, desired: Self.passing, ordering: .acquiring).exchanged else {
            return false
        }
        inside.store(UInt(bitPattern: request), ordering: .relaxed)
        return true
    }

    /// Gives it back after `enter`. False: there is something to look at, under the lock.
    func leave() -> Bool {
        inside.store(0, ordering: .relaxed)
        return state.compareExchange(expected: Self.passing, desired: 0, ordering: .releasing).exchanged
    }

    /// Whether a call is the one that comes in now.
    func has(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        inside.load(ordering: .relaxed) == UInt(bitPattern: request)
    }

    /// Whether something may be kept here, or the socket closes.
    var hasMore: Bool { state.load(ordering: .acquiring) & Self.more != 0 }

    /// Whether a thread is inside that came without the lock.
    var isPassing: Bool { state.load(ordering: .relaxed) & Self.passing != 0 }

    // MARK: - Under the lock

    /// Lets nobody in without the lock.
    func noteMore() { _ = state.bitwiseOr(Self.more, ordering: .acquiringAndReleasing) }

    /// Lets calls in without the lock again where nothing is kept.
    func settle() {
        guard waiting.isEmpty, ended.isEmpty, !isDelivering, copies.isEmpty else { return }
        _ = state.bitwiseAnd(~Self.more, ordering: .releasing)
    }

    /// Takes the lane for a call that comes. False: it waits behind others.
    func takeLocked(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        noteMore()
        guard !isBusy, waiting.isEmpty else { return false }
        isBusy = true
        inside.store(UInt(bitPattern: request), ordering: .relaxed)
        return true
    }

    /// Gives it back, whichever way it was taken.
    func giveLocked(isPassing: Bool) {
        inside.store(0, ordering: .relaxed)
        _ = state.bitwiseAnd(isPassing ? ~Self.passing : ~Self.busy, ordering: .releasing)
    }

    /// Whether a thread is inside, or a call is passed on in parts. Set where `hasMore`.
    var isBusy: Bool {
        get { state.load(ordering: .acquiring) & (Self.passing | Self.busy) != 0 }
        nonmutating set {
            if newValue {
                _ = state.bitwiseOr(Self.busy, ordering: .acquiring)
            } else {
                _ = state.bitwiseAnd(~Self.busy, ordering: .releasing)
            }
        }
    }

    var hasUndelivered: Bool { isDelivering || !ended.isEmpty }

    /// When something is due.
    var due: Int64 {
        let turn = isBusy ? nil : waiting.first?.due
        let end = isDelivering ? nil : ended.first?.due
        return min(turn ?? .max, end ?? .max, copies.map(\.due).min() ?? .max)
    }
}
