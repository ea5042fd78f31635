import CLamina
import CLinux
import Glibc

/// Levels that are switched off and on while sockets are open.
extension Chain {
    /// What came of a switch.
    public struct Switching: Sendable, Equatable {
        /// Open sockets whose calls take the other way from now on.
        public var changed = 0
        /// Open sockets that stay as they are: the level transforms their data, or could not be opened on them.
        public var kept = 0
    }

    /// Switches a level off or on, on open sockets at once and on those that will be opened; answers on how many open
    /// ones. Of a level that is so already, nothing changes.
    ///
    /// What a level that is switched off has begun it ends: requests that it holds, and the socket's close, still reach it.
    /// A level that is switched on is opened, from below, on the sockets that have not opened it; where that pends, the
    /// socket counts as changed. Sockets on which a level transforms data keep it, or its absence, until they close.
    ///
    /// Throws where there is no such level, where it ends its column, or where the chain isn't made for it
    /// (`isSwitchable`). Runs the level's code, on this thread; any thread may call it.
    public func setLevel(_ label: String, isOn: Bool) throws(LaminaError) -> Switching {
        guard isSwitchable else {
            throw LaminaError(.notSupported, "layer \"\(label)\"", "the chain isn't made to be switched")
        }
        let index = try place(of: label)
        guard instances[index].provider.manifest.kind == .layered else {
            let isBase = instances[index].provider.manifest.kind == .base
            throw LaminaError(
                .invalidArgument,
                "layer \"\(label)\"",
                isBase
                    ? "is the base, which can't be switched off" : "ends its sockets' chain, and can't be switched off",
                remedy: "run without it"
            )
        }
        let bit: UInt64 = 1 << UInt64(index)
        binding.withLock { _ in
            switchedOff.withLock { if isOn { $0 &= ~bit } else { $0 |= bit } }
        }
        var result = Switching()
        forEachColumn { state in
            switch state.setLevel(index + 1 - state.start, isOn: isOn) {
            case .changed: result.changed += 1
            case .kept: result.kept += 1
            case .unaffected: break
            }
        }
        return result
    }

    /// Whether a level is switched on. Throws where there is none of this label.
    public func isOn(_ label: String) throws(LaminaError) -> Bool {
        let index = try place(of: label)
        return switchedOff.withLock { $0 & 1 << UInt64(index) == 0 }
    }

    /// How many open sockets have calls that pass the level of this label.
    public func socketCount(passing label: String) throws(LaminaError) -> Int {
        let index = try place(of: label)
        var count = 0
        forEachColumn { state in
            let level = index + 1 - state.start
            guard (1...state.levelCount).contains(level) else { return }
            if binding.withLock({ _ in state.active & 1 << UInt64(level) != 0 }) { count += 1 }
        }
        return count
    }

    private func place(of label: String) throws(LaminaError) -> Int {
        if let index = instances.firstIndex(where: { $0.label == label }) { return index }
        throw LaminaError(
            .notFound,
            "layer \"\(label)\"",
            "is none of the chain's",
            remedy: Suggestion.remedy(
                for: label,
                among: labels,
                otherwise: "there are \(labels.joined(separator: ", "))"
            )
        )
    }

    /// Runs `body` with the state of each column of this chain, which stays open meanwhile.
    private func forEachColumn(_ body: (ColumnState) -> Void) {
        for handle in ColumnPool.columns(of: self) where lamina_enter(handle) != 0 {
            body(ColumnState.of(handle.slot))
            lamina_leave()
        }
    }

    /// The levels that are switched off, of a column that begins below `start` levels: bit 1 for its level 1.
    func off(from start: Int) -> UInt64 {
        isSwitchable ? (switchedOff.withLock { $0 } >> UInt64(start)) << 1 : 0
    }
}

extension ColumnState {
    /// What a switch did to one socket.
    enum Switched {
        case changed, kept
        /// The level isn't the column's, the conditions leave it out, or it is so already.
        case unaffected
    }

    /// Links a level, or lets calls pass it by.
    fileprivate func setLevel(_ level: Int, isOn: Bool) -> Switched {
        guard (1...levelCount).contains(level), let instance = chain.instance(start + level) else { return .unaffected }
        let bit: UInt64 = 1 << UInt64(level)
        let transforms = instance.effect == .transform
        let (result, isMissing) = chain.binding.withLock { _ -> (Switched, Bool) in
            // Links that are still to be made follow the switch.
            guard active != 0, wanted & bit != 0, (active & bit != 0) != isOn else { return (.unaffected, false) }
            guard !transforms else { return (.kept, false) }
            guard isOn else {
                relink(active & ~bit, waits: waits)
                return (.changed, false)
            }
            guard opened & bit != 0 else { return (.changed, true) }
            relink(active | bit, waits: waits)
            return (.changed, false)
        }
        return isMissing ? open(level) : result
    }

    /// Opens a level that the socket was opened without, and links it.
    private func open(_ level: Int) -> Switched {
        // Its memory stays the column's until the opening has ended.
        _ = clinux_add_u32(&column.pointee.pending, 1)
        let bit: UInt64 = 1 << UInt64(level)
        let failure = Locked(false)
        LevelOpening.open(bit, of: self) { [self] status in
            if status < 0 {
                failure.withLock { $0 = true }
            } else {
                chain.binding.withLock { _ in
                    guard chain.off(from: start) & bit == 0 else { return }
                    relink(active | bit, waits: waits)
                }
            }
            _ = clinux_add_u32(&column.pointee.pending, -1)
        }
        return failure.withLock { $0 } ? .kept : .changed
    }
}
