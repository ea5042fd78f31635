public import LaminaProvider

/// What tells IP addresses apart, neither port nor scope.
public struct Host: Hashable, Sendable {
    private let family: Int32
    private let bytes: [UInt8]

    /// Nil: it is no IP address.
    public init?(_ address: Address) {
        guard let bytes = address.bytes else { return nil }
        self.bytes = bytes
        family = address.family
    }
}

/// What one source, the settings or a file, says about names.
public struct HostTable: LineContent {
    /// What is said about a name, and how the name is written in full.
    public struct Entry: Sendable {
        /// That.
        public internal(set) var rule: HostRule
        /// Empty: as it was asked for.
        public internal(set) var canonical: String
    }

    private var exact: [String: Entry] = [:]
    /// By what stands behind the `*`, the longest first.
    private var wildcards: [(suffix: String, entry: Entry)] = []
    private var names: [Host: String] = [:]

    /// Nothing.
    public init() {}

    /// What is said about a name in its compared form; nil for nothing.
    public func find(_ name: String) -> Entry? {
        if let entry = exact[name] { return entry }
        return wildcards.first { name.utf8.count > $0.suffix.utf8.count && name.hasSuffix($0.suffix) }?.entry
    }

    /// What is said, a line a name: whole names, then wildcards, the longest first, as they decide.
    public var lines: [String] {
        exact.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.rule.text)" }
            + wildcards.map { "*\($0.suffix)=\($0.entry.rule.text)" }
    }

    /// The first name that was given an address.
    public func name(of host: Host) -> String? { names[host] }

    /// Adds what a name or a wildcard is. Answers why it can't, in the words that follow the name.
    mutating func add(_ pattern: some StringProtocol, _ rule: HostRule, canonical: String = "") -> String? {
        let isWildcard = pattern == "*" || pattern.hasPrefix("*.")
        let bare = isWildcard ? String(pattern.dropFirst(2)) : String(pattern)
        guard let name = isWildcard && bare.isEmpty ? "" : ComparedName.written(bare) else {
            return "is no name: write NAME, *.NAME or *"
        }
        guard isWildcard else {
            guard let joined = exact[name].map({ $0.rule.joined(with: rule) }) ?? rule else {
                return "is said to be two things at once; remove one of them"
            }
            exact[name] = Entry(rule: joined, canonical: exact[name]?.canonical ?? canonical)
            note(name, rule)
            return nil
        }
        let suffix = name.isEmpty ? "" : "." + name
        if let index = wildcards.firstIndex(where: { $0.suffix == suffix }) {
            guard let joined = wildcards[index].entry.rule.joined(with: rule) else {
                return "is said to be two things at once; remove one of them"
            }
            wildcards[index].entry.rule = joined
        } else {
            let place = wildcards.firstIndex { $0.suffix.utf8.count < suffix.utf8.count } ?? wildcards.count
            wildcards.insert((suffix, Entry(rule: rule, canonical: "")), at: place)
        }
        return nil
    }

    private mutating func note(_ name: String, _ rule: HostRule) {
        guard case .addresses(let addresses) = rule else { return }
        for address in addresses {
            if let host = Host(address), names[host] == nil { names[host] = name }
        }
    }

    /// Reads one element of the setting `map`. Answers what is wrong with it, as a sentence's end.
    public mutating func add(map text: String) -> String? {
        guard let equals = text.firstIndex(of: "=") else { return "has no '=': write NAME=ADDRESS" }
        let target = text[text.index(after: equals)...]
        if let rule = HostRule(parsing: target) { return add(text[..<equals], rule) }
        guard let other = ComparedName.written(target) else {
            return "names no address, name, refuse or pass behind its '='"
        }
        return add(text[..<equals], .alias(other))
    }

    /// Reads one line of a file. Answers what is wrong with it, as a sentence's end.
    public mutating func add(line: Substring) -> String? {
        let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = words.first else { return nil }
        let rule: HostRule
        if let known = HostRule(word: String(first)) {
            rule = known
        } else if first.first == "=", let other = ComparedName.written(first.dropFirst()) {
            rule = .alias(other)
        } else {
            return "\"\(first)\" is no address, refuse, pass or =OTHER.NAME"
        }
        guard words.count > 1 else { return "no name follows \(first)" }
        let canonical = words[1].contains("*") ? "" : ComparedName.written(words[1]) ?? ""
        for word in words.dropFirst() {
            if let problem = add(word, rule, canonical: canonical) { return "\"\(word)\" \(problem)" }
        }
        return nil
    }
}
