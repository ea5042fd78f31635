import LaminaConformance
import TestSupport
import Testing

@Suite("What lamina new writes in Swift, in the contract's rules")
struct TemplateTests {
    @Test("The base keeps every rule that is for a base of streams")
    func base() throws {
        let file = try SwiftPlugin.build(template: "swift-base")
        let results = try Conformance(file: file).run(helper: Plugins.helper)
        for result in results { #expect(!result.isFailure, "\(result.line)") }
        let others = results.filter { $0.verdict != .passed }
        let inapplicable = [
            "forwards-unchanged", "no-bypass", "frames-balanced", "live-settings", "handoff", "names",
        ]
        #expect(others.map(\.rule.name) == inapplicable)
    }
}
