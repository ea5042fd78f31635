import LaminaProvider

/// What is said about a name.
enum HostRule {
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

    /// What stands behind a name: several addresses, without their port 0, with `|` between them.
    var text: String {
        switch self {
        case .addresses(let addresses): addresses.map { $0.description.dropLast(2) }.joined(separator: "|")
        case .alias(let name): name
        case .refuse: "refuse"
        case .pass: "pass"
        }
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
