import Glibc
public import LaminaProvider

/// Reads rules as users write them: `FAULT:WORD:KEY=VALUE…`.
public enum RuleReader {
    /// Reads a rule. A failure marks the place.
    public static func rule(_ text: String) throws(Failure) -> Rule {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let kind = Rule.Kind(rawValue: String(words[0])) else {
            let names = Rule.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw problem(text, words[0], "is no fault; there are \(names)")
        }
        var rule = Rule(text: text, kind: kind, places: [])
        var given: [Substring: Substring] = [:]
        for word in words.dropFirst() {
            guard let key = try read(word, &rule, text) else { continue }
            if given.updateValue(word, forKey: key) != nil { throw problem(text, word, "is the second \(key)=") }
        }
        try complete(&rule, given, text)
        return rule
    }

    private static func problem(_ text: String, _ word: Substring, _ what: String) -> Failure {
        Failure(EINVAL, "do: \"\(text)\", at \(text.distance(to: word) + 1): \"\(word)\" \(what)")
    }

    /// Takes in a word; gives the key that it has.
    private static func read(_ word: Substring, _ rule: inout Rule, _ text: String) throws(Failure) -> Substring? {
        if let place = Rule.Place(rawValue: String(word)) {
            rule.places.insert(place)
            return nil
        }
        guard let equals = word.firstIndex(of: "=") else {
            throw problem(text, word, "is neither up, down, connect nor KEY=VALUE")
        }
        let value = word[word.index(after: equals)...]
        switch word[..<equals] {
        case "chance": rule.chance = try chance(value, text)
        case "after": rule.start = try start(value, text)
        case "count":
            guard let count = WrittenQuantity.count(value) else {
                throw problem(text, value, "is no number, such as 3")
            }
            rule.count = UInt64(count)
        case "for":
            guard let time = WrittenQuantity.time(value) else {
                throw problem(text, value, "is no time, such as 500ms")
            }
            rule.duration = time
        case "size":
            guard let size = WrittenQuantity.size(value), size > 0 else {
                throw problem(text, value, "is no size, such as 64k")
            }
            rule.size = size
        case "errno":
            guard let errno = Failure.errno(named: value) else {
                throw problem(text, value, "is no errno, such as EHOSTUNREACH, and no number of one")
            }
            rule.errno = errno
        default: throw problem(text, word, "has no key of a rule; there are chance, after, count, for, size and errno")
        }
        return word[..<equals]
    }

    private static func chance(_ value: Substring, _ text: String) throws(Failure) -> Rule.Chance {
        let parts = value.split(separator: "/", omittingEmptySubsequences: false)
        guard parts[0].last == "%", let percent = WrittenQuantity.decimal(parts[0].dropLast()), percent <= 100 else {
            throw problem(text, value, "is no chance, such as 10%/socket or 0.5%/call")
        }
        switch parts.dropFirst().first {
        case "socket" where parts.count == 2: return .socket(percent / 100)
        case "call" where parts.count == 2: return .call(percent / 100)
        default: throw problem(text, value, "doesn't say of what; write \(parts[0])/socket or \(parts[0])/call")
        }
    }

    private static func start(_ value: Substring, _ text: String) throws(Failure) -> Rule.Start {
        if let time = WrittenQuantity.time(value) { return .time(time) }
        if let size = WrittenQuantity.size(value) { return .bytes(UInt64(size)) }
        throw problem(text, value, "is neither a size, such as 64k, nor a time, such as 5s")
    }

    /// Fills in what a rule leaves open, and refuses what makes no sense. `given`: the words that have a key.
    private static func complete(
        _ rule: inout Rule,
        _ given: [Substring: Substring],
        _ text: String
    ) throws(Failure) {
        let allowed: Set<Rule.Place>
        switch rule.kind {
        case .refuse: allowed = [.connect]
        case .timeout, .error: allowed = [.connect, .up, .down]
        case .reset, .stall, .close, .slowClose, .short, .loss, .duplicate, .reorder: allowed = [.up, .down]
        }
        let name = Substring(rule.kind.rawValue)
        if let place = Rule.Place.allCases.first(where: { rule.places.contains($0) && !allowed.contains($0) }) {
            throw problem(text, name, "is nothing that happens to \(place.rawValue)")
        }
        if rule.kind == .error {
            guard !rule.places.isEmpty else {
                throw problem(text, name, "doesn't say where; write up, down or connect")
            }
            guard rule.errno > 0 else { throw problem(text, name, "doesn't say which; write errno=NAME") }
        } else if rule.errno > 0 {
            throw problem(text, name, "has an errno of its own; use error")
        }
        if rule.places.isEmpty { rule.places = rule.kind == .timeout ? [.connect] : allowed }
        if let word = given["for"], ![.timeout, .stall, .slowClose, .short, .reorder].contains(rule.kind) {
            throw problem(text, word, "is a time, and \(name) takes none")
        }
        if let word = given["size"], rule.kind != .short {
            throw problem(text, word, "is a size of pieces, and \(name) makes none; use short")
        }
        if case .bytes = rule.start, rule.places == [.connect], let word = given["after"] {
            throw problem(text, word, "is of bytes, and a connect comes before them; write a time")
        }
        if rule.kind == .slowClose, rule.duration == nil {
            throw problem(text, name, "doesn't say how slow; write for=TIME")
        }
        if rule.kind == .timeout, rule.duration == nil { rule.duration = 30_000_000_000 }
        if rule.kind == .reorder, rule.duration == nil { rule.duration = 10_000_000 }
    }
}

extension String {
    /// How many characters stand before a part of it.
    fileprivate func distance(to part: Substring) -> Int {
        part.startIndex <= endIndex && part.base == self ? self.distance(from: startIndex, to: part.startIndex) : 0
    }
}
