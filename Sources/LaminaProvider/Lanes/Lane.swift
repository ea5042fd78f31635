public import CLamina
public import CLinux
import Glibc

/// How an attempt at an operation went.
public enum Outcome {
    /// It has ended; `status` and `moved` say how.
    case ended
    /// It would block.
    case blocked
    /// Somebody else ends it later, by `Lane.end`.
    case taken
}

/// What a provider does for its lanes.
public struct LaneActions {
    /// Tries an operation once, without blocking. Called by one thread at a time for one lane, without a lock.
    public let attempt: (UnsafeMutablePointer<Operation>) -> Outcome
    /// Sees to it that `wake` is called when the lane's first operation may go on. Called under the lock. A negative
    /// errno fails what waits.
    public let arm: (UnsafeMutablePointer<Lane>) -> Int32
    /// Gives back what an operation's `plan` holds. Called without the lock, before the request completes.
    public let dispose: (UnsafeMutablePointer<Operation>) -> Void
    /// Nothing waits in a lane any more, and the caller is about to leave it. Called under the lock.
    public let idle: (UnsafeMutablePointer<Lane>) -> Void
    /// Forgets what waits and what the engine knows, in a child process: both are the parent's. `Lane.renew` empties a
    /// lane. Called once for each socket that the child uses.
    public let renew: (UnsafeMutableRawPointer) -> Void
    /// Ends the socket: `LaneGroup.close` was called and nothing waits or runs any more. Called once, without the lock.
    public let finish: (UnsafeMutableRawPointer) -> Void

    /// The actions of one provider.
    public init(
        attempt: @escaping (UnsafeMutablePointer<Operation>) -> Outcome,
        arm: @escaping (UnsafeMutablePointer<Lane>) -> Int32,
        dispose: @escaping (UnsafeMutablePointer<Operation>) -> Void,
        idle: @escaping (UnsafeMutablePointer<Lane>) -> Void = { _ in },
        renew: @escaping (UnsafeMutableRawPointer) -> Void = { _ in },
        finish: @escaping (UnsafeMutableRawPointer) -> Void
    ) {
        self.attempt = attempt
        self.arm = arm
        self.dispose = dispose
        self.idle = idle
        self.renew = renew
        self.finish = finish
    }
}

/// What the lanes of one socket share: a lock, and how many operations, drains and others keep the socket alive.
public struct LaneGroup {
    var mutex = pthread_mutex_t()
    var busy: UInt32 = 0
    var isClosing = false
    var isFinished = false
    /// Nothing is tried until `thaw`.
    var isFrozen = false
    /// The process that it was last used in; see `ForkEpoch`.
    var epoch: UInt32 = 0
    let actions: UnsafePointer<LaneActions>
    /// The socket's state.
    public let owner: UnsafeMutableRawPointer

    /// A group for the socket whose state is `owner`. In its final place it needs `start`.
    public init(_ actions: UnsafePointer<LaneActions>, owner: UnsafeMutableRawPointer) {
        self.actions = actions
        self.owner = owner
    }
}

extension UnsafeMutablePointer<LaneGroup> {
    /// Makes the lock; once, where the group stays.
    public func start() {
        ForkEpoch.start()
        pointee.epoch = ForkEpoch.current
        pthread_mutex_init(field(\.mutex), nil)
    }

    /// Takes the lock.
    public func lock() {
        renewIfForked()
        pthread_mutex_lock(field(\.mutex))
    }

    /// In a child process, forgets what is the parent's. Where it isn't one, two loads.
    public func renewIfForked() {
        if field(\.epoch).pointee != ForkEpoch.current { renew() }
    }

    /// In a child process the lock may be held by a thread that is gone, and what waits is the parent's.
    @inline(never)
    private func renew() {
        ForkEpoch.renew(field(\.epoch)) {
            pthread_mutex_init(field(\.mutex), nil)
            pointee.busy = 0
            pointee.isFrozen = false
            pointee.actions.pointee.renew(pointee.owner)
        }
    }

    /// Gives the lock back.
    public func unlock() { pthread_mutex_unlock(field(\.mutex)) }

    /// Whether `close` has begun. Read under the lock.
    public var isClosing: Bool { pointee.isClosing }

    /// Keeps the socket's memory until `release`; under the lock. False: it is closing.
    public func pinLocked() -> Bool {
        guard !pointee.isClosing else { return false }
        pointee.busy += 1
        return true
    }

    /// Keeps the socket's memory until `release`; without the lock. False: it is closing.
    public func pin() -> Bool {
        lock()
        defer { unlock() }
        return pinLocked()
    }

    /// Makes a group that has finished ready for another socket.
    public func restart() {
        lock()
        (pointee.busy, pointee.isClosing, pointee.isFinished, pointee.isFrozen) = (0, false, false, false)
        unlock()
    }

    /// Undoes `pinLocked` while the caller has another reason to stay; under the lock.
    public func unpinLocked() {
        // A child process that returns from what its parent began isn't counted any more.
        if pointee.busy > 0 { pointee.busy -= 1 }
    }

    /// Undoes `pin`; without the lock.
    public func release() {
        lock()
        releaseLocked()
    }

    /// The same for a caller that has the lock, which is given back.
    func releaseLocked() {
        let isLast = drop()
        unlock()
        if isLast { pointee.actions.pointee.finish(pointee.owner) }
    }

    /// One user less; under the lock. True: the caller must call `finish` once it has given the lock back.
    func drop() -> Bool {
        unpinLocked()
        guard pointee.isClosing, pointee.busy == 0, !pointee.isFinished else { return false }
        pointee.isFinished = true
        return true
    }

    /// Fails everything that waits in the lanes with -ECANCELED, then calls `finish`, here or on the thread that is
    /// last inside.
    public func close(_ first: UnsafeMutablePointer<Lane>, _ second: UnsafeMutablePointer<Lane>?) {
        lock()
        pointee.isClosing = true
        pointee.isFrozen = false
        pointee.busy += 1
        unlock()
        first.fail(-ECANCELED)
        second?.fail(-ECANCELED)
        release()
    }

    /// Frees what the group holds of the system; its memory is the owner's.
    public func destroy() {
        pthread_mutex_destroy(field(\.mutex))
    }
}

/// One direction of a socket: requests leave, fill and complete in the order in which they came.
///
/// A thread that finds the lane free takes it with one atomic operation, makes its system call, and gives it back with
/// another. What comes meanwhile, or would block, waits in a list under the group's lock, and one thread at a time
/// works it off.
public struct Lane {
    /// `free`, `taken`, `contended` or `blocked`.
    @usableFromInline var state: UInt32 = 0
    /// Somebody called `wake` while an operation was tried.
    var isAwaken = false
    /// What everything that waits is to fail with, or 0.
    var failure: Int32 = 0
    var first: UnsafeMutablePointer<Operation>?
    var last: UnsafeMutablePointer<Operation>?
    /// The group that it belongs to.
    public let group: UnsafeMutablePointer<LaneGroup>

    /// A free lane that has forgotten its last socket.
    public mutating func restart() { failure = 0 }

    /// A free lane in which nothing waits, whatever was in it.
    public mutating func renew() { self = Lane(group: group) }

    /// A free lane.
    public init(group: UnsafeMutablePointer<LaneGroup>) {
        self.group = group
    }

    /// Nothing waits, nobody is inside.
    @usableFromInline static var free: UInt32 { 0 }
    /// One thread is inside.
    @usableFromInline static var taken: UInt32 { 1 }
    /// One thread is inside and must look at the list before it leaves.
    @usableFromInline static var contended: UInt32 { 2 }
    /// Operations wait for the descriptor or the peer, nobody is inside.
    @usableFromInline static var blocked: UInt32 { 3 }
}

extension UnsafeMutablePointer<Lane> {
    /// Whether a call may be tried at once; for operations that are atomic by themselves.
    @inlinable @inline(__always)
    public var isFree: Bool { clinux_load_u32(field(\.state)) == Lane.free }

    /// Takes the lane if nothing waits and nobody is inside. Never blocks.
    @inlinable @inline(__always)
    public func enter() -> Bool { clinux_replace_u32(field(\.state), Lane.free, Lane.taken) != 0 }

    /// Takes the lane like `enter`; where another thread is inside, that one sees to `idle` before it leaves.
    func enterOrAsk() -> Bool {
        while true {
            switch clinux_load_u32(field(\.state)) {
            case Lane.free: if enter() { return true }
            case Lane.taken:
                if clinux_replace_u32(field(\.state), Lane.taken, Lane.contended) != 0 { return false }
            default: return false
            }
        }
    }

    /// Whether something came that the caller, who is inside, should let pass.
    var isContended: Bool { clinux_load_u32(field(\.state)) == Lane.contended }

    /// Gives the lane back after `enterOrAsk`; what came meanwhile is worked off, and `idle` is called.
    func leaveAndLook() {
        group.lock()
        group.pointee.busy += 1
        clinux_store_u32(field(\.state), Lane.contended)
        group.unlock()
        drain()
    }

    /// Gives the lane back after `enter`, and completes the request.
    @inlinable @inline(__always)
    public func leave(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ status: lamina_status,
        _ bytes: UInt64
    ) -> lamina_status {
        if clinux_replace_u32(field(\.state), Lane.taken, Lane.free) != 0 {
            return lamina_complete(slot, request, status, bytes)
        }
        return leaveContended(slot, request, status, bytes)
    }

    @usableFromInline
    func leaveContended(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ status: lamina_status,
        _ bytes: UInt64
    ) -> lamina_status {
        group.lock()
        group.pointee.busy += 1
        group.unlock()
        let result = lamina_complete(slot, request, status, bytes)
        drain()
        return result
    }

    /// Gives the lane back after `enter` without a request to complete.
    public func leave() {
        guard clinux_replace_u32(field(\.state), Lane.taken, Lane.free) == 0 else { return }
        group.lock()
        group.pointee.busy += 1
        group.unlock()
        drain()
    }

    private var group: UnsafeMutablePointer<LaneGroup> { pointee.group }

    /// The operation at the front. Read under the lock.
    public var first: UnsafeMutablePointer<Operation>? { pointee.first }

    private var isBlocked: Bool { clinux_load_u32(field(\.state)) == Lane.blocked }

    /// Whether the operation at the front waits and no thread polls for it. Read under the lock.
    public var needsEngine: Bool {
        guard isBlocked, let first = pointee.first else { return false }
        return !first.pointee.isDriven
    }

    /// Lets an operation wait. `isInside`: the caller has entered the lane, and the operation would block; it goes to
    /// the front. Otherwise it goes to the end, and is tried when its turn comes. Nil: there was no memory for it.
    /// Answers what the entry returns.
    public func submit(
        _ operation: UnsafeMutablePointer<Operation>?,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        isInside: Bool
    ) -> lamina_status {
        guard let operation else {
            return isInside ? leave(slot, request, -ENOMEM, 0) : lamina_complete(slot, request, -ENOMEM, 0)
        }
        group.lock()
        let held = pointee.group.pointee.isClosing ? -ECANCELED : hold(operation)
        guard held == 0 else {
            group.unlock()
            return refuse(operation, held, isInside: isInside)
        }
        group.pointee.busy += 1
        if isInside { pushFront(operation) } else { append(operation) }
        leaveOperation(isInside ? block() : hand())
        return LAMINA_PENDING
    }

    /// Gives the lock back, and works off the list unless somebody else will.
    private func leaveOperation(_ isLeft: Bool) {
        guard !isLeft else { return group.unlock() }
        group.pointee.busy += 1
        drainLocked()
    }

    private func refuse(
        _ operation: UnsafeMutablePointer<Operation>,
        _ status: Int32,
        isInside: Bool
    ) -> lamina_status {
        let (slot, request, moved) = (operation.pointee.slot, operation.pointee.request, operation.pointee.moved)
        // Whoever only tries is content with a part.
        let result = status == -EAGAIN && moved > 0 ? 0 : status
        group.pointee.actions.pointee.dispose(operation)
        operation.discard()
        if isInside { return leave(slot, request, result, moved) }
        return lamina_complete(slot, request, result, moved)
    }

    private func hold(_ operation: UnsafeMutablePointer<Operation>) -> Int32 {
        let (slot, request) = (operation.pointee.slot, operation.pointee.request)
        request.pointee.owner.0 = UnsafeMutableRawPointer(operation)
        return slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
            guard let held = request.pointee.owner.0 else { return }
            let operation = held.assumingMemoryBound(to: Operation.self)
            operation.pointee.lane.cancel(operation)
        }
    }

    /// The caller leaves the lane with an operation at its front. False: it must drain instead.
    private func block() -> Bool {
        if pointee.isAwaken || pointee.failure != 0 {
            pointee.isAwaken = false
            clinux_store_u32(field(\.state), Lane.contended)
            return false
        }
        clinux_store_u32(field(\.state), Lane.blocked)
        if group.pointee.isFrozen { return true }
        let armed = group.pointee.actions.pointee.arm(self)
        guard armed < 0 else { return true }
        pointee.failure = armed
        clinux_store_u32(field(\.state), Lane.contended)
        return false
    }

    /// Leaves an appended operation to whoever is inside. False: nobody is, the caller must drain.
    private func hand() -> Bool {
        while true {
            switch clinux_load_u32(field(\.state)) {
            case Lane.free:
                if clinux_replace_u32(field(\.state), Lane.free, Lane.contended) != 0 { return false }
            case Lane.taken:
                if clinux_replace_u32(field(\.state), Lane.taken, Lane.contended) != 0 { return true }
            default:
                return true
            }
        }
    }

    /// Tries again what waits: the descriptor is ready, or the peer did something. Completes on this thread.
    public func wake() {
        group.lock()
        if take() { drainLocked() } else { group.unlock() }
    }

    /// The first half of `wake`, under the lock, for the engine: an operation that a waiting thread polls for is left
    /// to that thread. True: the caller gives the lock back, and calls `endWake`.
    public func beginWake() -> Bool {
        if let first = pointee.first, first.pointee.isDriven, isBlocked { return false }
        return take()
    }

    /// The other half.
    public func endWake() { drain() }

    /// Takes the lane where something waits in it; else whoever is inside tries again. Under the lock.
    private func take() -> Bool {
        guard isBlocked else {
            pointee.isAwaken = clinux_load_u32(field(\.state)) != Lane.free
            return false
        }
        clinux_store_u32(field(\.state), Lane.contended)
        group.pointee.busy += 1
        return true
    }

    /// Fails everything that waits now.
    public func fail(_ status: Int32) {
        group.lock()
        let state = clinux_load_u32(field(\.state))
        guard state != Lane.free || group.pointee.isClosing else { return group.unlock() }
        pointee.failure = status
        if state == Lane.taken, clinux_replace_u32(field(\.state), Lane.taken, Lane.contended) != 0 {
            return group.unlock()
        }
        guard state == Lane.blocked else { return group.unlock() }
        clinux_store_u32(field(\.state), Lane.contended)
        group.pointee.busy += 1
        group.unlock()
        drain()
    }

    /// Works off the list. The caller is inside, and counted as busy until this returns.
    func drain() {
        group.lock()
        drainLocked()
    }

    /// The same for a caller that has the lock, which is given back.
    private func drainLocked() {
        while !group.pointee.isFrozen, let operation = pointee.first {
            unlink(operation)
            let failure = pointee.failure
            // A cancel that came first ends the operation itself.
            guard lamina_request_claim(operation.pointee.request) != 0 else { continue }
            group.unlock()
            operation.pointee.status = failure
            switch failure == 0 ? group.pointee.actions.pointee.attempt(operation) : .ended {
            case .ended: conclude(operation)
            case .taken: group.lock()
            case .blocked:
                group.lock()
                if wait(operation) { return group.releaseLocked() }
            }
        }
        if group.pointee.isFrozen {
            clinux_store_u32(field(\.state), Lane.blocked)
            return group.releaseLocked()
        }
        pointee.isAwaken = false
        if !group.pointee.isClosing {
            pointee.failure = 0
            group.pointee.actions.pointee.idle(self)
        }
        clinux_store_u32(field(\.state), Lane.free)
        group.releaseLocked()
    }

    /// Puts a tried operation back. True: the caller has left the lane. Under the lock.
    private func wait(_ operation: UnsafeMutablePointer<Operation>) -> Bool {
        let held = hold(operation)
        guard held == 0 else {
            group.unlock()
            operation.pointee.status = held
            conclude(operation)
            return false
        }
        pushFront(operation)
        return block()
    }

    /// Completes an operation, and takes the lock; the caller is counted as busy besides.
    private func conclude(_ operation: UnsafeMutablePointer<Operation>) {
        complete(operation)
        group.lock()
        group.unpinLocked()
    }

    @discardableResult
    private func complete(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        group.pointee.actions.pointee.dispose(operation)
        let (slot, request) = (operation.pointee.slot, operation.pointee.request)
        let (status, moved) = (operation.pointee.status, operation.pointee.moved)
        operation.discard()
        return lamina_complete(slot, request, status, moved)
    }

    /// Ends an operation that an attempt answered as `taken`, or that `pin` keeps. Afterwards the lane may be gone.
    @discardableResult
    public func end(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        let group = group
        let status = complete(operation)
        group.release()
        return status
    }

    /// Lets an operation that was `taken` wait once more, behind the others. Answers what the entry returns.
    public func resubmit(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        group.lock()
        let held = group.pointee.isClosing ? -ECANCELED : hold(operation)
        guard held == 0 else {
            group.unlock()
            operation.pointee.status = held
            return end(operation)
        }
        append(operation)
        leaveOperation(hand())
        return LAMINA_PENDING
    }

    /// The framework cancels an operation that waits.
    private func cancel(_ operation: UnsafeMutablePointer<Operation>) {
        group.lock()
        let wasFirst = pointee.first == operation
        unlink(operation)
        let mustDrain = wasFirst && isBlocked
        if mustDrain {
            clinux_store_u32(field(\.state), Lane.contended)
            group.pointee.busy += 1
        }
        group.unlock()
        operation.pointee.status = lamina_cancel_status(operation.pointee.request)
        complete(operation)
        if mustDrain { drain() }
        group.release()
    }

    private func append(_ operation: UnsafeMutablePointer<Operation>) {
        operation.pointee.isQueued = true
        operation.pointee.next = nil
        if let last = pointee.last { last.pointee.next = operation } else { pointee.first = operation }
        pointee.last = operation
    }

    private func pushFront(_ operation: UnsafeMutablePointer<Operation>) {
        operation.pointee.isQueued = true
        operation.pointee.next = pointee.first
        pointee.first = operation
        if pointee.last == nil { pointee.last = operation }
    }

    private func unlink(_ operation: UnsafeMutablePointer<Operation>) {
        guard operation.pointee.isQueued else { return }
        operation.pointee.isQueued = false
        var before: UnsafeMutablePointer<Operation>?
        var current = pointee.first
        while let candidate = current, candidate != operation {
            before = candidate
            current = candidate.pointee.next
        }
        let next = operation.pointee.next
        if let before { before.pointee.next = next } else { pointee.first = next }
        if pointee.last == operation { pointee.last = before }
    }
}
