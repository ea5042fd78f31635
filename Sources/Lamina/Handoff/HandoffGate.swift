import CLamina
import CLinux
import Glibc

/// Holds back the calls on a socket that is about to leave, until it is known whether it does.
final class HandoffGate: @unchecked Sendable {
    private enum Phase {
        case open, shut
        /// Every call ends with this.
        case over(lamina_status)
    }

    private struct Call {
        let request: Request
        let issue: (Slot) -> lamina_status
    }

    private struct State {
        var phase = Phase.open
        var calls: [Call] = []
    }

    // Columns outlive their gates' calls: each is counted as pending.
    private let top: Slot
    private let state = Locked(State())

    init(top: Slot) {
        self.top = top
    }

    /// Calls wait from now on.
    func shut() { state.withLock { $0.phase = .shut } }

    /// Makes the calls that waited, in their order, and lets later ones pass.
    func open() {
        for call in change(to: .open) where lamina_request_claim(call.request) != 0 { _ = call.issue(top) }
    }

    /// Ends those that waited, and all later ones, with a status.
    func end(_ status: lamina_status) {
        for call in change(to: .over(status)) where lamina_request_claim(call.request) != 0 {
            _ = lamina_complete(top, call.request, status, 0)
        }
    }

    private func change(to phase: Phase) -> [Call] {
        state.withLock { state in
            defer { state.calls = [] }
            state.phase = phase
            return state.calls
        }
    }

    /// Makes a call, now or when the gate opens. Answers what the entry returns.
    func pass(_ request: Request, _ issue: @escaping (Slot) -> lamina_status) -> lamina_status {
        enum Way { case now, wait, end(lamina_status) }
        let way = state.withLock { state -> Way in
            switch state.phase {
            case .open: return .now
            case .over(let status): return .end(status)
            case .shut:
                request.pointee.owner.0 = Unmanaged.passUnretained(self).toOpaque()
                let held = Completion.hold(top, request, Self.cancel)
                guard held == 0 else { return .end(held) }
                state.calls.append(Call(request: request, issue: issue))
                return .wait
            }
        }
        switch way {
        case .now: return issue(top)
        case .wait: return LAMINA_PENDING
        case .end(let status): return lamina_complete(top, request, status, 0)
        }
    }

    private static let cancel: lamina_cancel_function = { slot, request in
        guard let owner = request.pointee.owner.0 else { return }
        let gate = Unmanaged<HandoffGate>.fromOpaque(owner).takeUnretainedValue()
        gate.state.withLock { $0.calls.removeAll { $0.request == request } }
        _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
    }
}

extension ColumnState {
    /// The shape of its links now.
    private var shape: LinkShape {
        var shape = LinkShape(start: start, category: category, active: active, waits: waits)
        shape.isFrozen = isFrozen
        return shape
    }

    /// Lets calls that transfer, connect or accept wait. Others still pass.
    func freeze() {
        chain.binding.withLock { _ in
            let gate = self.gate ?? HandoffGate(top: slots)
            self.gate = gate
            gate.shut()
            isFrozen = true
            chain.links(shape).replaceTop(of: slots)
        }
    }

    /// Whether nobody is inside any more who came before the links were changed.
    var isQuiet: Bool {
        _ = clinux_barrier()
        let presence = Threads.presence(in: slots)
        return !presence.isSelfInside && !presence.areOthersInside
    }

    /// Ends `freeze`.
    func thaw() {
        unfreeze()
        gate?.open()
    }

    private func unfreeze() {
        chain.binding.withLock { _ in
            isFrozen = false
            chain.links(shape).replaceTop(of: slots)
        }
    }

    /// Ends `freeze` in a child process: what waits is the parent's.
    func thawInChild() {
        gate = nil
        unfreeze()
    }

    /// Every call answers ESTALE from now on, and a close gives the handle up. The levels are still to be closed, by
    /// `closeMoved`.
    func becomeStale() {
        markStale()
        LinkSet.stale.replaceTop(of: slots)
        gate?.end(-ESTALE)
    }

    /// Closes the levels of a socket that has left, as they were linked.
    func closeMoved(_ request: Request) -> lamina_status {
        chain.links(shape).close(slots, request)
    }
}
