public import LaminaProvider

/// What is said about a name.
public enum HostRule: Sendable {
    /// It has these addresses.
    case addresses([Address])
    /// It is asked for by another name.
    case alias(String)
    /// There is no such name.
    case refuse
    /// The levels below answer it.
    case pass

    /// Reads an address, `refuse` or `pass`.
    init?(word: String) {
        switch word {
        case "refuse": self = .refuse
        case "pass": self = .pass
        default:
            guard let address = Address(word, port: 0) else { return nil }
            self = .addresses([address])
        }
    }

    /// Reads what `text` writes, but for an alias: `refuse`, `pass`, or addresses with `|` between them.
    init?(parsing written: Substring) {
        let words = written.split(separator: "|", omittingEmptySubsequences: false)
        let rules = words.compactMap { HostRule(word: String($0)) }
        let addresses = rules.flatMap { rule -> [Address] in
            if case .addresses(let addresses) = rule { addresses } else { [] }
        }
        guard let first = rules.first, rules.count == words.count, words.count == 1 || addresses.count == words.count
        else { return nil }
        self = words.count == 1 ? first : .addresses(addresses)
    }

    /// What stands behind a name, as it is written there: several addresses have `|` between them.
    var text: String {
        switch self {
        case .addresses(let addresses): addresses.map { Self.text(of: $0) }.joined(separator: "|")
        case .alias(let name): name
        case .refuse: "refuse"
        case .pass: "pass"
        }
    }

    /// An address without its port 0, and without the brackets of one that has a port.
    private static func text(of address: Address) -> Substring {
        let host = address.description.dropLast(2)
        return host.hasPrefix("[") ? host.dropFirst().dropLast() : host
    }

    /// Two rules for one name: addresses add up, others have to say the same. Nil: they contradict each other.
    func joined(with other: HostRule) -> HostRule? {
        switch (self, other) {
        case (.addresses(let mine), .addresses(let others)): .addresses(mine + others)
        case (.alias(let mine), .alias(let others)) where mine == others: self
        case (.refuse, .refuse), (.pass, .pass): self
        default: nil
        }
    }
}
