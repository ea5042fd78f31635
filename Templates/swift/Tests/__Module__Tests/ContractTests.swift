import Foundation
import Lamina
import LaminaConformance
import Testing

@Suite("The plug-in __name__")
struct ContractTests {
    @Test("keeps the contract", arguments: Rule.all)
    func keeps(rule: Rule) throws {
        let bases = Conformance.Base.all(of: Catalog(directories: [Place.catalog]))
        #expect(bases.count == 2)
        let kit = Conformance(file: Place.library, rules: [rule], bases: bases)
        for result in try kit.run(helper: [Place.command, "--check-rule"]) {
            #expect(!result.isFailure, "\(result.line)")
        }
    }

    @Test("says of itself what its manifest says")
    func manifest() throws {
        let file = "\(Place.package)/manifest.json"
        let shipped = try Manifest(parsing: Array(try Data(contentsOf: URL(filePath: file))), file: file)
        var said = try Probe.run(Place.library, helper: [Place.command, "--probe"])
        for index in said.indices { said[index].library = shipped.library }
        #expect(said == [shipped])
    }
}
