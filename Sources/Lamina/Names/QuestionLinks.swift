import CLamina
import Glibc

/// The columns on which questions travel that leave some levels out, by their conditions or because they are off: the chain's own column with other links,
/// one for each set of levels that take part. Its slots' contexts are the same instances.
final class QuestionLinks: @unchecked Sendable {
    // Made under the lock; a column is constant once it is made.
    private let columns = Locked<[UInt64: Column]>([:])

    deinit {
        for column in columns.withLock({ $0.values }) { UnsafeMutableRawPointer(column).deallocate() }
    }

    /// Slot 0 of the column for these levels.
    func slots(_ active: UInt64, make: () -> UnsafeMutableRawPointer) -> Slot {
        columns.withLock { columns in
            if let known = columns[active] { return known.slots }
            let column = make().assumingMemoryBound(to: lamina_column.self)
            columns[active] = column
            return column.slots
        }
    }
}

extension Column {
    fileprivate var slots: Slot {
        UnsafeMutableRawPointer(self + 1).assumingMemoryBound(to: lamina_slot.self)
    }
}

extension Chain {
    /// Whether some level may be left out of a question.
    var hasNameConditions: Bool { conditionalNames || isSwitchable }

    /// Slot 0 of the column on which this question travels.
    func slots(forQuestion subject: ConditionSubject) -> Slot {
        var active = ~off(from: 0)
        for (index, instance) in instances.dropLast().enumerated()
        where !instance.conditions.apply(toQuestion: subject) {
            active &= ~(1 << UInt64(index + 1))
        }
        return active == .max ? slots : questionLinks.slots(active) { columnForQuestions(active) }
    }
}

extension Conditions {
    /// Whether a level takes part in a question for a name or an address. What the question doesn't know can't leave it
    /// out.
    func apply(toQuestion subject: ConditionSubject) -> Bool {
        guard when.isEmpty || when.contains(where: { $0.matches(question: subject) ?? true }) else { return false }
        return !except.contains { $0.matches(question: subject) ?? false }
    }
}

extension Condition {
    /// Whether every term holds; nil where none is known to fail, and some aren't known: a name's port and network, an
    /// address's name.
    fileprivate func matches(question subject: ConditionSubject) -> Bool? {
        var rest = self
        var isKnown = true
        if subject.port == nil, rest.ports != nil {
            rest.ports = nil
            isKnown = false
        }
        if subject.name == nil, rest.name != nil {
            rest.name = nil
            isKnown = false
        }
        guard rest.matches(subject) != false else { return false }
        return isKnown ? rest.matches(subject) : nil
    }
}
