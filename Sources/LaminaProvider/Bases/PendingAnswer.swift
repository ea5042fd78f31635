import CLamina
import Glibc

/// A question that a base answers later. It ends once, by the first that ends it: the base, a cancel, or its deadline. One that
/// nobody keeps any more and nobody has answered fails with EIO.
///
/// Any thread; nothing blocks.
public final class PendingAnswer<Answer: Sendable>: Sendable {
    private let held: HeldQuestion
    private let write: Write

    /// Writes an answer, once the question is its writer's.
    typealias Write = @Sendable (Result<Answer, Failure>) -> (status: Int32, count: UInt64)

    init(_ held: HeldQuestion, _ write: @escaping Write) {
        self.held = held
        self.write = write
    }

    deinit { held.end { (-EIO, 0) } }

    /// Whether it has ended, and nobody waits for the answer any more.
    public var isOver: Bool { held.isOver }

    /// Answers it. Calls that wait for it go on inside of this: hold no lock that the base's methods take.
    public func answer(_ answer: Answer) { end(.success(answer)) }

    /// Answers it with a failure, as `answer` does.
    public func fail(_ failure: Failure) { end(.failure(failure)) }

    private func end(_ result: Result<Answer, Failure>) {
        let write = write
        held.end { write(result) }
    }

    /// What the entry returns for what the base answered; nil: it has kept this.
    func answered(_ result: Result<Answer, Failure>?) -> lamina_status {
        guard let result else { return held.wait() }
        return held.answer { write(result) }
    }

    /// Runs `body` once, if nobody waits for the answer any more before it has come: there was a cancel or a deadline. At once
    /// where that is so already. On the thread that gives up.
    public func whenGivenUp(_ body: @escaping @Sendable () -> Void) { held.whenGivenUp(body) }
}

/// The request of such a question.
final class HeldQuestion: @unchecked Sendable {
    typealias Ending = () -> (status: Int32, count: UInt64)

    private let slot: UnsafeMutablePointer<lamina_slot>
    private let request: UnsafeMutablePointer<lamina_request>
    private let lock = PlainLock()
    // The rest is guarded by the lock.
    /// The entry hasn't returned: it ends the question.
    private var isInside = true
    private var ending: Ending?
    private var hasEnded = false
    private var isGivenUp = false
    private var givesUp: (@Sendable () -> Void)?

    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ request: UnsafeMutablePointer<lamina_request>) {
        self.slot = slot
        self.request = request
    }

    var isOver: Bool { lock.locked { hasEnded || ending != nil } }

    func whenGivenUp(_ body: @escaping @Sendable () -> Void) {
        let isNow = lock.locked {
            if !hasEnded { givesUp = body }
            return isGivenUp
        }
        if isNow { body() }
    }

    /// Ends the question, unless it has ended.
    func end(_ how: @escaping Ending) {
        let isMine = lock.locked {
            guard !hasEnded, ending == nil else { return false }
            guard !isInside else {
                ending = how
                return false
            }
            // What can't be claimed is the cancel's, which is on its way here.
            guard lamina_request_claim(request) != 0 else { return false }
            (hasEnded, givesUp) = (true, nil)
            return true
        }
        guard isMine else { return }
        _ = complete(how)
        Unmanaged.passUnretained(self).release()
    }

    /// Ends it inside the entry, whatever a value that the base has kept says.
    func answer(_ how: () -> (status: Int32, count: UInt64)) -> lamina_status {
        lock.locked { (hasEnded, givesUp) = (true, nil) }
        return complete(how)
    }

    /// What the entry returns where the base has kept the question: its end, if that has come.
    func wait() -> lamina_status {
        lock.take()
        isInside = false
        let held = ending == nil ? hold() : 0
        guard ending != nil || held < 0 else {
            lock.give()
            return LAMINA_PENDING
        }
        let (how, givesUp) = (ending, givesUp)
        (hasEnded, isGivenUp, ending, self.givesUp) = (true, how == nil, nil, nil)
        lock.give()
        if let how { return complete(how) }
        givesUp?()
        return lamina_complete(slot, request, held, 0)
    }

    /// Becomes the holder, which keeps this until the end. A negative errno: it is too late, or the caller only tries.
    private func hold() -> Int32 {
        request.pointee.owner.0 = Unmanaged.passRetained(self).toOpaque()
        let status = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
            guard let owner = request.pointee.owner.0 else { return }
            Unmanaged<HeldQuestion>.fromOpaque(owner).takeRetainedValue().cancel()
        }
        if status < 0 { Unmanaged.passUnretained(self).release() }
        return status
    }

    private func cancel() {
        let givesUp = lock.locked {
            (hasEnded, isGivenUp) = (true, true)
            defer { self.givesUp = nil }
            return self.givesUp
        }
        givesUp?()
        _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
    }

    private func complete(_ how: () -> (status: Int32, count: UInt64)) -> lamina_status {
        let (status, count) = how()
        return lamina_complete(slot, request, status, count)
    }
}
