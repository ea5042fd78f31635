import Glibc
import Lamina
import LaminaConformance
import TestSupport
import Testing

@Suite("The contract and generic layers")
struct GenericTests {
    @Test("A generic layer that passes everything on keeps every rule", arguments: ["C", "Swift"])
    func passes(language: String) throws {
        let file = language == "C" ? try GenericPlugin.spy() : try GenericPlugin.example()
        let results = try Conformance(file: file, bases: Plugins.bases).run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.count == 26)
        #expect(results.filter { $0.verdict != .passed }.map(\.rule.name) == ["no-bypass", "live-settings"])
    }

    @Test("A generic layer that makes every call later keeps every rule")
    func postpones() throws {
        // A heap that two threads allocate from shows what their caches hold as in use.
        let rules = Rule.all.filter { $0.name != "leaks" }
        let settings = [LayerSpecification.Setting(key: "postpones", values: [.bare("yes")])]
        let conformance = Conformance(
            file: try GenericPlugin.spy(),
            settings: settings,
            rules: rules,
            bases: Plugins.bases
        )
        let results = try conformance.run(helper: Plugins.helper)
        #expect(results.filter(\.isFailure).map(\.line) == [])
        #expect(results.count == 25)
    }

    @Test("Generic layers work where a filter keeps memory from being writable and executable, as systemd's")
    func filtered() throws { try strict("seccomp") }

    @Test(
        "Generic layers work where the kernel's switch keeps memory from being writable and executable",
        .enabled(if: kernelHasSwitch, "the kernel has no PR_SET_MDWE, which came with 6.3")
    )
    func switched() throws { try strict("prctl") }

    private static let kernelHasSwitch = (try? Child.run(launcher("prctl") + ["true"]).code) != 77

    /// What runs a program with memory protected in this way.
    private static func launcher(_ way: String) throws -> [String] {
        let file = "\(try TemporaryDirectory.ofProcess().path)/mdwe-\(way)"
        let source = "\(PackageTree.root)/Tests/Fixtures/generic/mdwe.c"
        try #require(try Child.run(["cc", "-Wall", "-Werror", "-O1", "-o", file, source]).code == 0)
        return [file, way]
    }

    private func strict(_ way: String) throws {
        let strict = try Self.launcher(way)
        let trial = try Child.run(strict + ["true"])
        try #require(trial.code == 0, "memory protection can't be had: \(trial.errors)")
        for file in [try GenericPlugin.spy(), try GenericPlugin.example()] {
            let results = try Conformance(file: file, bases: Plugins.bases).run(helper: strict + Plugins.helper)
            #expect(results.filter(\.isFailure).map(\.line) == [])
            #expect(results.filter { $0.verdict == .passed }.count == 24)
        }
    }
}
