import Glibc
import LaminaProvider
import LaminaRedirectRules

/// Connections to other destinations by rule, with fail-over.
struct Redirect: Layer, HasRules, Reconfigures, ConnectCalls {
    static let rules = Setting.texts(
        "rule",
        live: true,
        help: "FROM=TO, or FROM=TO|TO to fail over; FROM is HOST:PORT, HOST or :PORT, TO that, refuse or pass"
    )
    static let files = Setting.paths("file", live: true, help: "lines FROM TO, or FROM TO TO to fail over")
    static let about = LayerDescription(
        "redirect",
        summary: "connections to other destinations by rule, with fail-over",
        uuid: "fa9aca98-53e2-4143-ad3c-b80c2ddae3c2",
        phase: .redirector,
        categories: [.connection, .stream],
        settings: [rules, files]
    )

    private let rules: LineSources<RuleList>

    init(_ level: Level) throws(Failure) {
        rules = try LineSources(level, list: level[Self.rules], files: level[Self.files]) { rules, text in
            rules.add(rule: text).map { "rule: \"\(text)\": \($0)" }
        }
    }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) {
        try rules.change(list: level[Self.rules], files: level[Self.files])
    }

    var ruleLines: [String] {
        NumberedLines.of(
            rules.contents.flatMap { file, rules in rules.texts.map { "\($0)  (\(file ?? "rule"))" } },
            otherwise: "pass"
        )
    }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        guard let destination = Destination(address, asked: next.socket.askedName),
            let rule = rules.first({ $0.first(for: destination) })
        else { return next.connect(address, flags: flags) }
        switch rule.action {
        case .refuse: return next.fail(ECONNREFUSED)
        case .connect(let targets):
            return next.connect(inTurn: targets.map { $0.address(insteadOf: address) }, flags: flags)
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Redirect.self) }
