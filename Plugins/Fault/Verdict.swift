import Glibc
import LaminaFaultRules
import LaminaProvider
import Synchronization

/// What a rule says about a call.
enum Verdict {
    case none
    /// It goes on with at most so many bytes.
    case atMost(Int)
    case now(Turn)

    /// What one rule says that is about such calls; `isNew` where it hasn't been asked about the call.
    static func of(_ entry: Tally.Entry, _ call: borrowing CallInTurn<FaultState>, isNew: Bool) -> Verdict {
        call.kind.isReceive
            ? of(entry, call, call.state.down, isNew) : of(entry, call, call.state.up, isNew)
    }

    /// What one rule says about a datagram that has come; nil: nothing.
    static func of(
        _ entry: Tally.Entry,
        _ datagram: borrowing ArrivedDatagram<FaultState>
    ) -> Arrival? {
        let rule = entry.rule
        guard datagram.state.isChosen(entry) else { return nil }
        // By its number: the same whatever else the socket does meanwhile.
        if case .call(let chance) = rule.chance, datagram.state.random.fixed(entry.index, datagram.index) >= chance {
            return nil
        }
        switch rule.start {
        case .atOnce: break
        case .time(let time):
            guard datagram.now >= datagram.state.opened.load(ordering: .relaxed) + time else { return nil }
        case .bytes(let count): guard datagram.position >= count else { return nil }
        }
        // One that waits already has this one go past it.
        if rule.kind == .reorder, datagram.hasOneBefore { return nil }
        guard entry.take() else { return nil }
        switch rule.kind {
        case .loss: return .dropped
        case .duplicate: return .copies(2)
        case .reorder: return .behindNext(until: datagram.now + (rule.duration ?? 0))
        default: return nil
        }
    }

    private static func of(
        _ entry: Tally.Entry,
        _ call: borrowing CallInTurn<FaultState>,
        _ direction: borrowing FaultState.Direction,
        _ isNew: Bool
    ) -> Verdict {
        guard call.state.isChosen(entry), isDrawn(entry, call, direction, isNew) else { return .none }
        switch entry.rule.start {
        case .atOnce: break
        case .time(let time):
            guard call.now >= call.state.opened.load(ordering: .relaxed) + time else { return .none }
        case .bytes(let count):
            let moved = direction.moved.value
            guard moved >= count else { return entry.rule.kind == .short ? .none : .atMost(Int(count - moved)) }
        }
        return strike(entry, call, direction)
    }

    /// Whether chance has chosen the call, which is decided when it comes.
    private static func isDrawn(
        _ entry: Tally.Entry,
        _ call: borrowing CallInTurn<FaultState>,
        _ direction: borrowing FaultState.Direction,
        _ isNew: Bool
    ) -> Bool {
        if isNew { FaultState.Direction.set(direction.struck, entry.bit, false) }
        guard case .call(let chance) = entry.rule.chance else { return true }
        if isNew { FaultState.Direction.set(direction.chosen, entry.bit, call.state.random.next() < chance) }
        return direction.chosen.load(ordering: .relaxed) & entry.bit != 0
    }

    /// Lets the call go wrong, as often as the rule may.
    private static func strike(
        _ entry: Tally.Entry,
        _ call: borrowing CallInTurn<FaultState>,
        _ direction: borrowing FaultState.Direction
    ) -> Verdict {
        let (rule, bit) = (entry.rule, entry.bit)
        guard direction.over.load(ordering: .relaxed) & bit == 0 else { return .none }
        if direction.struck.load(ordering: .relaxed) & bit == 0 {
            guard entry.take() else { return .none }
            direction.struck.bitwiseOr(bit, ordering: .relaxed)
        }
        let end = rule.duration.map { call.since + $0 }
        switch rule.kind {
        case .refuse: return .now(.fail(ECONNREFUSED))
        case .error: return .now(.fail(rule.errno))
        case .loss: return .now(.end(bytes: UInt64(call.bytes)))
        case .duplicate: return .now(.sendCopies(2, at: call.now))
        case .reorder: return .now(.sendCopies(1, at: call.now + (rule.duration ?? 0)))
        case .reset: return fail(ECONNRESET, call)
        case .timeout:
            if let end, call.now < end { return .now(.wait(until: end)) }
            return fail(ETIMEDOUT, call)
        case .close: return call.kind == .receive ? .now(.end(bytes: 0)) : .now(.fail(EPIPE))
        case .slowClose:
            if let end, call.now < end { return .now(.wait(until: end)) }
            return .none
        case .stall:
            guard let end else { return .now(.waitForever) }
            if call.now < end { return .now(.wait(until: end)) }
            // What begins at one moment is over with it; a chance comes again.
            if case .call = rule.chance { return .none }
            direction.over.bitwiseOr(bit, ordering: .relaxed)
            return .none
        case .short:
            let next = direction.piece.load(ordering: .relaxed) + (rule.duration ?? 0)
            guard call.now >= next else { return .now(.wait(until: next)) }
            direction.piece.store(call.now, ordering: .relaxed)
            return .atMost(rule.size)
        }
    }

    /// The socket is of no use any more.
    private static func fail(_ errno: Int32, _ call: borrowing CallInTurn<FaultState>) -> Verdict {
        if call.kind != .connect { call.state.broken.store(errno, ordering: .relaxed) }
        return .now(.fail(errno))
    }
}

extension DelayedKind {
    /// The one with the greatest number.
    static let last = DelayedKind.receiveFrom

    /// Whether it is one that receives.
    var isReceive: Bool { self == .receive || self == .receiveFrom }

    /// Which calls it is among, for rules.
    fileprivate var place: Rule.Place {
        switch self {
        case .connect: .connect
        case .send, .sendTo, .disconnect: .up
        case .receive, .receiveFrom: .down
        }
    }
}

extension Rule {
    /// Whether such a call can go wrong so.
    func isAbout(_ call: DelayedKind) -> Bool {
        guard places.contains(call.place) else { return false }
        return switch kind {
        case .slowClose: call == .disconnect
        case .loss, .duplicate, .reorder: call == .sendTo
        case .short: call == .send || call == .receive
        case .stall: true
        case .refuse, .timeout, .error, .reset, .close: call != .disconnect
        }
    }
}
