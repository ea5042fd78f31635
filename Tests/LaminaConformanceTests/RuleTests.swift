import Lamina
import LaminaConformance
import TestSupport
import Testing

@Suite("Rules of the contract")
struct RuleTests {
    @Test("A layer that breaks one rule fails that rule and no other", arguments: Rule.all)
    func broken(rule: Rule) throws {
        let results = try Plugins.broken(rule.name).run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.rule) == [rule], "\(results.filter(\.isFailure).map(\.line))")
        #expect(results.map(\.rule) == Rule.all)
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

    @Test("The project's own providers keep every rule", arguments: ["Kernel", "Memory", "Trace", "Count"])
    func own(name: String) throws {
        let conformance = Conformance(file: Plugins.product(name), bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        let isBase = name == "Kernel" || name == "Memory"
        let skipped = results.filter { $0.verdict != .passed }.map(\.rule.name)
        #expect(
            skipped
                == (isBase ? ["use-after-close", "forwards-unchanged", "no-bypass", "frames-balanced"] : ["no-bypass"])
        )
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
        let library = try Plugins.build(name, in: "Fixtures/layers")
        let conformance = Conformance(file: library, settings: settings, bases: Plugins.bases)
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
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
            file: try Plugins.build("failover", in: "Fixtures/layers"),
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
            file: try Plugins.build("redirect", in: "Fixtures/layers"),
            settings: [LayerSpecification.Setting(key: "prot", values: [.bare("9")])],
            bases: []
        )
        let error = #expect(throws: LaminaError.self) { try wrong.run(helper: Plugins.helper) }
        #expect(error?.description.contains("prot") == true)
    }

    @Test("Without a helper the check runs in the program itself")
    func inProcess() throws {
        let rules = try ["completes-once", "frames-balanced"].map { try #require(Rule.named($0)) }
        let library = try Plugins.build("nothing", in: "Fixtures/layers")
        let results = try Conformance(file: library, rules: rules, bases: Plugins.bases).run()
        #expect(results.map(\.verdict) == [.passed, .passed])
    }
}
