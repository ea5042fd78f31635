/// What a check saw that breaks its rule.
struct Finding: Error {
    /// The entry or indication.
    let entry: String
    /// What was seen.
    let seen: String
    /// What to do about it.
    let remedy: String

    init(_ entry: String, _ seen: String, _ remedy: String) {
        self.entry = entry
        self.seen = seen
        self.remedy = remedy
    }
}

/// Why a rule, or a place where it would be checked, doesn't apply to a provider.
struct NotApplicable: Error {
    let reason: String
    /// Another part's reason says more.
    let isGeneral: Bool

    init(_ reason: String, isGeneral: Bool = false) {
        self.reason = reason
        self.isGeneral = isGeneral
    }
}

/// Runs the parts of a check; one that doesn't apply is passed over. Throws `NotApplicable` where none does.
func checkAll(_ parts: (() throws -> Void)...) throws {
    try checkAll(parts)
}

/// Runs the parts of a check; one that doesn't apply is passed over. Throws `NotApplicable` where none does.
func checkAll(_ parts: [() throws -> Void]) throws {
    var reasons: [NotApplicable] = []
    for part in parts {
        do { try part() } catch let reason as NotApplicable { reasons.append(reason) }
    }
    guard reasons.count < parts.count else {
        throw reasons.last { !$0.isGeneral } ?? reasons.last ?? NotApplicable("there is no place to check it")
    }
}
