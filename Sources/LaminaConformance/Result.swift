public import Lamina

/// How one rule ended for one provider.
public struct RuleResult: Sendable {
    /// What was seen.
    public enum Verdict: Sendable, Equatable {
        /// The provider keeps the rule.
        case passed
        /// It doesn't: the entry, what was seen, and what to do.
        case failed(entry: String, seen: String, remedy: String)
        /// The rule can't be checked with this provider, and why.
        case notApplicable(String)
    }

    /// The provider.
    public let provider: String
    /// The rule.
    public let rule: Rule
    /// How it ended.
    public let verdict: Verdict

    /// Whether the provider broke the rule.
    public var isFailure: Bool {
        if case .failed = verdict { true } else { false }
    }

    /// One line: provider, rule, and what was seen.
    public var line: String {
        let head = "\(provider): \(rule.name)"
        return switch verdict {
        case .passed: "\(head): passed"
        case .notApplicable(let reason): "\(head): not applicable: \(reason)"
        case .failed(let entry, let seen, let remedy): "\(head): \(entry): \(seen); \(remedy)"
        }
    }

    /// The same as data.
    public var json: JSON {
        var object: JSON = ["provider": .string(provider), "rule": .string(rule.name)]
        func add(_ members: [(String, String)]) {
            guard case .object(var content) = object else { return }
            for (key, value) in members { content[key] = .string(value) }
            object = .object(content)
        }
        switch verdict {
        case .passed: add([("verdict", "passed")])
        case .notApplicable(let reason): add([("verdict", "not-applicable"), ("reason", reason)])
        case .failed(let entry, let seen, let remedy):
            add([("verdict", "failed"), ("entry", entry), ("seen", seen), ("remedy", remedy)])
        }
        return object
    }

    init(provider: String, rule: Rule, verdict: Verdict) {
        self.provider = provider
        self.rule = rule
        self.verdict = verdict
    }

    /// From what a child reported.
    init?(_ json: JSON) {
        guard let provider = json["provider"]?.stringValue, let name = json["rule"]?.stringValue,
            let rule = Rule.named(name), let verdict = json["verdict"]?.stringValue
        else { return nil }
        func text(_ key: String) -> String { json[key]?.stringValue ?? "" }
        let known: [String: Verdict] = [
            "passed": .passed, "not-applicable": .notApplicable(text("reason")),
            "failed": .failed(entry: text("entry"), seen: text("seen"), remedy: text("remedy")),
        ]
        guard let verdict = known[verdict] else { return nil }
        self.init(provider: provider, rule: rule, verdict: verdict)
    }
}
