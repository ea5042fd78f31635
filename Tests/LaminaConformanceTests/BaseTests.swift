import LaminaConformance
import TestSupport
import Testing

@Suite("Bases in Swift over the SDK, in the contract's rules")
struct BaseTests {
    @Test(
        "A base keeps every rule that is for it",
        arguments: [("Examples/Bases/Echo", 2), ("Examples/Bases/Post", 12), ("Fixtures/bases/Parcel", 3)]
    )
    func base(source: String, least: Int) throws {
        let results = try Conformance(file: try SwiftPlugin.build(source)).run(helper: Plugins.helper)
        for result in results { #expect(!result.isFailure, "\(result.line)") }
        #expect(results.count { $0.verdict == .passed } >= least, "\(results.map(\.line))")
    }
}
