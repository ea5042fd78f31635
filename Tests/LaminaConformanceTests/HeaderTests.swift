import Lamina
import LaminaConformance
import TestSupport
import Testing

@Suite("Plug-ins that were built against other headers")
struct HeaderTests {
    private static let headers = "\(PackageTree.root)/Tests/Fixtures/headers"

    @Test("One against the previous headers loads, and keeps the contract", arguments: ["nothing", "xor", "redirect"])
    func previous(name: String) throws {
        let library = try CPlugin.build(
            "Fixtures/layers/\(name)",
            options: ["-I", "\(Self.headers)/previous"]
        )
        let settings = name == "redirect" ? [LayerSpecification.Setting(key: "port", values: [.bare("9")])] : []
        let rules = [
            "completes-once", "order", "cancel", "close-with-pending", "carries-data", "frames-balanced", "leaks",
        ]
        let kit = Conformance(
            file: library,
            settings: settings,
            rules: try rules.map { try #require(Rule.named($0)) },
            bases: Plugins.bases
        )
        let results = try kit.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.contains { $0.verdict == .passed })
    }

    @Test("One against newer headers is refused with a sentence that says what to do")
    func newer() throws {
        let directory = try TemporaryDirectory()
        let headers = "\(directory.path)/include"
        let copied = try Child.run(["cp", "-r", "\(PackageTree.root)/Sources/CLamina/include", headers])
        #expect(copied.code == 0)
        let file = "\(headers)/lamina_types.h"
        let text = String(decoding: try readAll(file), as: UTF8.self)
        let parts = text.split(separator: "#define LAMINA_ABI_VERSION 1u", omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        try directory.write(parts.joined(separator: "#define LAMINA_ABI_VERSION 2u"), to: "include/lamina_types.h")
        let library = try CPlugin.build("Fixtures/layers/xor", options: ["-I", headers])
        let error = #expect(throws: LaminaError.self) { try Library.load(library) }
        #expect(
            error?.description
                == "\(library): needs ABI version 2, and this Lamina speaks 1; install a newer Lamina"
        )
    }
}
