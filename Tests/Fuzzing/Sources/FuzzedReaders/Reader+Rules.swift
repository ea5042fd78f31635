import LaminaFaultRules
import LaminaFirewallRules
import LaminaHostsRules
import LaminaProvider
import LaminaRedirectRules

extension Reader {
    func readFirewall(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let rules = try? LaminaFirewallRules.RuleReader.rules(text)
        else {
            return
        }
        let ends = [
            End(bytes: [10, 1, 2, 3], name: "a.test", port: 80), End(name: "a.test", port: nil),
            End(bytes: nil, path: "/run/a"),
        ]
        for rule in rules {
            let again = try? LaminaFirewallRules.RuleReader.rule(rule.text[...])
            try require(again == rule, "\"\(rule.text)\" reads back as another rule")
            try require(rule.covers(rule), "\"\(rule.text)\" doesn't fit what it fits itself")
        }
        let table = RuleTable(rules.map { ($0, "rules") }, otherwise: .deny(13))
        for direction in LaminaFirewallRules.Direction.allCases {
            for end in ends {
                let subject = Subject(direction, end.path == nil ? .tcp : .unix, to: end, program: "/bin/a", user: 0)
                let (action, entry) = table.decide(subject)
                try require(entry.map { $0.covered == nil } ?? true, "a rule decides on \(subject) that never does")
                try require(entry.map { $0.rule.action == action } ?? true, "another action than the rule's")
            }
        }
    }

    func readFault(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let rule = try? LaminaFaultRules.RuleReader.rule(text)
        else { return }
        try require(
            (try? LaminaFaultRules.RuleReader.rule(rule.text)) == rule,
            "\"\(text)\" reads back as another rule"
        )
        try require(!rule.places.isEmpty && rule.size > 0, "\"\(text)\" is about nothing")
        try require((rule.kind == .error) == (rule.errno > 0), "\"\(text)\" has an errno where none belongs")
        switch rule.chance {
        case .always: break
        case .socket(let chance), .call(let chance): try require((0...1).contains(chance), "\"\(text)\" is no chance")
        }
    }

    func readRedirect(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        var rules = RuleList()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            // The same words are a rule on the command line or a line of a file.
            if rules.add(rule: String(line)) != nil { _ = rules.add(line: line) }
        }
        for text in rules.texts {
            var again = RuleList()
            let problem = again.add(rule: text)
            try require(again.texts == [text], "\"\(text)\" reads back as \(problem ?? "\(again.texts)")")
        }
        for place in Self.places {
            guard let destination = Destination(place, asked: "b.a.test"),
                case .connect(let targets)? = rules.first(for: destination)?.action
            else { continue }
            try require(!targets.isEmpty, "a rule leads \(place) nowhere")
            for target in targets {
                let other = target.address(insteadOf: place)
                try require(other.port != 0, "\(place) goes to \(other), which has no port")
            }
        }
    }

    func readHosts(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        var table = HostTable()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if table.add(map: String(line)) != nil { _ = table.add(line: line) }
        }
        for line in table.lines {
            guard let equals = line.firstIndex(of: "=") else {
                throw Contradiction(description: "\"\(line)\" says nothing of a name")
            }
            var again = HostTable()
            let problem = again.add(map: line)
            try require(again.lines == [line], "\"\(line)\" reads back as \(problem ?? "\(again.lines)")")
            let pattern = line[..<equals]
            let name = pattern == "*" ? "x" : pattern.hasPrefix("*.") ? "x\(pattern.dropFirst())" : String(pattern)
            try require(table.find(name) != nil, "nothing is said of \(name), which \"\(line)\" is about")
        }
    }

    /// Where programs want to go.
    private static let places = [
        Address("10.1.2.3", port: 80), Address("::1", port: 443), Address(name: "b.a.test", port: 80),
        Address(name: "localhost", port: 8080),
    ].compactMap { $0 }
}
