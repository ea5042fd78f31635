import Glibc
import Lamina
import LaminaConformance
import TestSupport
import Testing

@Suite("Rules of the contract")
struct RuleTests {
    @Test("A layer that breaks one rule fails that rule and no other", arguments: Rule.all)
    func layer(rule: Rule) throws {
        try expect([rule.name], of: rule.name, as: .layer)
    }

    @Test("A base that breaks a rule fails it, and keeps others", arguments: Rule.all.filter { $0.canBreak(.base) })
    func base(rule: Rule) throws {
        try expect([rule.name], of: rule.name, as: .base, among: Self.others + [rule.name])
    }

    @Test(
        "A terminating level that breaks a rule fails it, and keeps others",
        arguments: Rule.all.filter { $0.canBreak(.terminating) }
    )
    func terminating(rule: Rule) throws {
        try expect([rule.name], of: rule.name, as: .terminating, among: Self.others + [rule.name])
    }

    /// What shows that the rest of a broken plug-in works.
    private static let others = ["completes-once", "order", "carries-data"]

    @Test(
        "A rule fails in each part of what it demands",
        arguments: [
            ("nodes", .layer, ["leaks"], "release: over the stage: of 3 nodes"),
            ("bypass-in", .layer, ["no-bypass", "indicated-data"], "its data arrived in the clear"),
            ("copies-address", .layer, ["copies-before-return"], "63 bytes arrived below as 0"),
            ("copies-address", .base, ["copies-before-return"], "send_to: over loopback: ended with -EDESTADDRREQ"),
            ("copies-control", .layer, ["copies-before-return"], "24 bytes of control data arrived below"),
            ("lower-columns", .terminating, ["close-with-pending", "leaks"], "open below; close each lower column"),
        ] as [(String, Plugins.Kind, [String], String)]
    )
    func parts(name: String, kind: Plugins.Kind, rules: [String], line: String) throws {
        let lines = try expect(rules, of: name, as: kind, among: rules)
        #expect(lines.contains { $0.contains(line) }, "\(lines)")
    }

    /// Which of some rules, or of all, a broken plug-in fails; gives the lines that say so.
    @discardableResult
    private func expect(
        _ rules: [String],
        of name: String,
        as kind: Plugins.Kind,
        among names: [String]? = nil
    ) throws -> [String] {
        let checked = names.map { names in Rule.all.filter { names.contains($0.name) } } ?? Rule.all
        let results = try Plugins.broken(name, as: kind, rules: checked).run(helper: Plugins.helper)
        let failures = results.filter(\.isFailure)
        #expect(failures.map(\.rule.name) == rules, "\(failures.map(\.line))")
        #expect(results.map(\.rule) == checked)
        return failures.map(\.line)
    }

    @Test("A failure is one line that names provider, rule, entry, what was seen and what to do")
    func line() throws {
        let rule = try #require(Rule.named("end-of-stream"))
        let result = try #require(try Plugins.broken(rule.name, rules: [rule]).run(helper: Plugins.helper).first)
        guard case .failed(let entry, let seen, let remedy) = result.verdict else {
            Issue.record("\(result.line)")
            return
        }
        #expect(entry == "receive")
        #expect(seen.contains("-ECONNRESET"))
        #expect(result.line == "end-of-stream: end-of-stream: receive: \(seen); \(remedy)")
        #expect(!result.line.contains("\n"))
    }

    @Test(
        "The project's own providers keep every rule",
        arguments: ["Kernel", "Memory", "Trace", "Count", "Hosts", "Redirect", "Resolver"]
    )
    func own(name: String) throws {
        let conformance = Conformance(file: Plugins.product(name), bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        let isBase = name == "Kernel" || name == "Memory"
        let skipped = results.filter { $0.verdict != .passed }.map(\.rule.name)
        let withoutTransport = ["forwards-unchanged", "no-bypass", "frames-balanced", "live-settings", "handoff"]
        let changing = ["Trace", "Hosts", "Redirect"]
        let ofLayers = changing.contains(name) ? ["no-bypass", "handoff"] : ["no-bypass", "live-settings", "handoff"]
        let expected = isBase ? withoutTransport : ofLayers
        // Connections inside the process can't leave it; layers that answer names or choose destinations keep nothing of a socket.
        let withoutState = ["Memory", "Hosts", "Redirect", "Resolver"]
        let names = name == "Redirect" ? ["names"] : []
        #expect(skipped == expected.filter { $0 != "handoff" || withoutState.contains(name) } + names)
    }

    @Test(
        "Layers that the other tests use keep every rule that applies",
        arguments: [
            ("nothing", nil), ("keeper", nil), ("gate", nil), ("xor", nil), ("echo", nil), ("indicator", nil),
            ("failover", ("second", "1")), ("redirect", ("port", "9")),
        ] as [(String, (String, String)?)]
    )
    func sound(name: String, setting: (String, String)?) throws {
        let settings = setting.map { [LayerSpecification.Setting(key: $0.0, values: [.bare($0.1)])] } ?? []
        let library = try CPlugin.build("Fixtures/layers/\(name)")
        let conformance = Conformance(file: library, settings: settings, bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
    }

    @Test(
        "Layers in Swift over the SDK keep every rule that applies",
        arguments: [
            ("Examples/Layers/Nothing", nil), ("Examples/Layers/Meter", nil), ("Fixtures/layers/Everything", nil),
            ("Fixtures/layers/Ledger", nil), ("Fixtures/layers/Reader", nil),
            ("Examples/Layers/Redirect", ("port", "9")),
            ("Examples/Layers/Keystream", ("key", "12345678")), ("Examples/Layers/Escape", nil),
            ("Examples/Layers/Delay", ("by", "2ms")),
        ] as [(String, (String, String)?)]
    )
    func typed(source: String, setting: (String, String)?) throws {
        let settings = setting.map { [LayerSpecification.Setting(key: $0.0, values: [.bare($0.1)])] } ?? []
        let library = try SwiftPlugin.build(source)
        let conformance = Conformance(file: library, settings: settings, bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.count { $0.verdict == .passed } > 18)
    }

    @Test(
        "Terminating layers in Swift over the SDK keep every rule that applies",
        arguments: [
            ("Examples/Layers/Failover", [("to", "127.0.0.1:9")]), ("Fixtures/layers/Switchboard", []),
            ("Fixtures/layers/Switchboard", [("columns", "3")]),
        ] as [(String, [(String, String)])]
    )
    func terminating(source: String, settings: [(String, String)]) throws {
        let settings = settings.map { LayerSpecification.Setting(key: $0.0, values: [.bare($0.1)]) }
        let conformance = Conformance(file: try SwiftPlugin.build(source), settings: settings, bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.count { $0.verdict == .passed } > 12)
    }

    @Test(
        "Layers that delay calls keep every rule that applies, at work and at rest",
        arguments: [
            ("Throttle", nil), ("Throttle", ("rate", "8mbit")), ("Throttle", ("latency", "2ms")), ("Fault", nil),
            ("Fault", ("do", "stall:for=2ms:chance=10%/call")),
        ] as [(String, (String, String)?)]
    )
    func delaying(name: String, setting: (String, String)?) throws {
        let settings = setting.map { [LayerSpecification.Setting(key: $0.0, values: [.bare($0.1)])] } ?? []
        let conformance = Conformance(file: Plugins.product(name), settings: settings, bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.count { $0.verdict == .passed } > 18)
    }

    @Test("A crash or a hang of the plug-in is a failed rule that says where")
    func crash() throws {
        let rules = try ["order", "end-of-stream"].map { try #require(Rule.named($0)) }
        let conformance = try Plugins.broken("crashes", rules: rules)
        let results = try conformance.run(helper: Plugins.helper, timeout: 8_000_000_000)
        #expect(results.filter(\.isFailure).count == 2)
        #expect(results[0].line.contains("died by SIGSEGV at 0x"))
        #expect(results[0].line.contains("of \(conformance.file)"))
        #expect(results[1].line.contains("didn't end within 8 s"))
    }

    @Test("A terminating level without indications of its own doesn't promise any")
    func indications() throws {
        let rule = try #require(Rule.named("indications-serial"))
        let conformance = Conformance(
            file: try CPlugin.build("Fixtures/layers/failover"),
            settings: [LayerSpecification.Setting(key: "second", values: [.bare("1")])],
            rules: [rule],
            bases: []
        )
        let result = try #require(try conformance.run(helper: Plugins.helper).first)
        #expect(result.line.contains("enable_indications answers -EOPNOTSUPP"), "\(result.line)")
    }

    @Test("What can't be checked at all is an error: a file that is missing, settings that are wrong")
    func errors() throws {
        let missing = Conformance(file: "/nowhere/libMine.so", bases: [])
        #expect(throws: LaminaError.self) { try missing.run(helper: Plugins.helper) }
        let wrong = Conformance(
            file: try CPlugin.build("Fixtures/layers/redirect"),
            settings: [LayerSpecification.Setting(key: "prot", values: [.bare("9")])],
            bases: []
        )
        let error = #expect(throws: LaminaError.self) { try wrong.run(helper: Plugins.helper) }
        #expect(error?.description.contains("prot") == true)
    }

    @Test("The documentation's sample is what is compiled, and finds what a plug-in breaks")
    func sample() async throws {
        let root = PackageTree.root
        let compiled = try readAll("\(root)/Tests/LaminaConformanceTests/DocumentationSample.swift")
        let documented = try Documentation.block(
            "swift",
            with: "brokenRules",
            in: "Sources/LaminaConformance/Documentation.docc/LaminaConformance.md"
        )
        #expect(String(decoding: compiled, as: UTF8.self) == documented)
        let sound = try CPlugin.build("Fixtures/layers/nothing")
        let broken = try CPlugin.build("LaminaConformanceTests/Fixtures/end-of-stream")
        await #expect(processExitsWith: .success) {
            [sound = sound as String, broken = broken as String, products = PackageTree.products as String] in
            // The command is found by its name.
            setenv("PATH", "\(products):\(String(cString: getenv("PATH")))", 1)
            let none = try brokenRules(of: sound)
            precondition(none == [])
            let lines = try brokenRules(of: broken)
            precondition(lines.count == 1 && lines[0].hasPrefix("end-of-stream: end-of-stream: receive: "))
        }
    }

    @Test("Without a helper the check runs in the program itself")
    func inProcess() throws {
        let rules = try ["completes-once", "frames-balanced"].map { try #require(Rule.named($0)) }
        let library = try CPlugin.build("Fixtures/layers/nothing")
        let results = try Conformance(file: library, rules: rules, bases: Plugins.bases).run()
        #expect(results.map(\.verdict) == [.passed, .passed])
    }
}

extension Rule {
    /// Whether a provider of another kind than a straight layer can break it by itself.
    fileprivate func canBreak(_ kind: Plugins.Kind) -> Bool {
        // What stands below a base is nobody's, and its settings and state are its provider's, whatever its kind.
        let ofLayers = ["forwards-unchanged", "no-bypass", "frames-balanced", "live-settings"]
        // Over the stage alone, where a level with one lower column ends.
        let ofTerminating = [
            "completes-once", "pending-is-marked", "order", "cancel", "deadline", "close-with-pending", "late-calls",
            "end-of-stream", "tries-only", "leaks",
        ]
        return kind == .terminating ? ofTerminating.contains(name) : !ofLayers.contains(name)
    }
}
