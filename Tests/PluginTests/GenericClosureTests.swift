import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Generic layers where libffi gives no closures")
struct GenericClosureTests {
    @Test("An open says which layer has none, for which entry, and what to do", arguments: [0, 1, 20])
    func required(closures: Int) throws {
        let file = try GenericPlugin.spy(closures: closures)
        let error = #expect(throws: LaminaError.self) {
            _ = try genericChain(("spy=mine", file), over: .memory)
        }
        #expect(error?.errno == EPERM && error?.level == "mine")
        let names = [0: "open", 1: "close", 20: "export_state"]
        let entry = try #require(names[closures])
        #expect(
            error?.description
                == "layer \"mine\": has no closure for the entry \(entry): libffi got no memory for code; use libffi 3.4 "
                + "or newer, which needs none that is both writable and executable, or lift what forbids it "
                + "(MemoryDenyWriteExecute, execmem)"
        )
    }

    @Test("A chain goes without one that says required=no, with the reason, and everything else goes on")
    func optional() throws {
        let file = try GenericPlugin.spy(["-DCLOSURES=3", "-DOPTIONAL", "-Wl,--wrap=ffi_closure_alloc"])
        let gate = try GenericPlugin.example()
        let chain = try genericChain(
            ("spy=mine:required=no", file),
            ("gate=guard:refuse=listen", gate),
            over: .memory
        )
        #expect(chain.labels == ["guard", "memory"])
        let absence = try #require(chain.absences.first)
        #expect(absence.label == "mine" && absence.reason.errno == EPERM)
        #expect(chain.warnings.contains { $0.hasPrefix("layer \"mine\" is left out: layer \"mine\": has no closure") })
        let error = #expect(throws: LaminaError.self) { try chain.listen(on: Address(host: "127.0.0.1", port: 0)) }
        #expect(error?.errno == EACCES && error?.level == "guard")
        let bare = try genericChain(("spy=mine:required=no", file), over: .memory)
        let pair = try Pair(bare)
        try pair.client.waiting.send([1])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        try pair.close()
    }
}

@Suite("The documentation of generic interception")
struct GenericDocumentationTests {
    private static let page = "Sources/Lamina/Documentation.docc/Generic-interception.md"

    @Test("The layer in Swift is the one that is compiled and tested")
    func swift() throws {
        let source = String(
            decoding: try readAll("\(PackageTree.root)/Tests/Examples/GenericExample/Gate.swift"),
            as: UTF8.self
        )
        #expect(try Documentation.block("swift", with: "GenericLayer", in: Self.page) == source)
    }

    @Test("The layer in C compiles without a warning, and says which calls failed")
    func c() throws {
        LayerOutput.capture()
        let directory = try TemporaryDirectory()
        let source = try directory.write(try Documentation.block("c", with: "lamina_generic", in: Self.page), to: "f.c")
        let library = "\(directory.path)/libFailures.so"
        let built = try Child.run(
            ["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-I", "\(PackageTree.root)/Sources/CLamina/include"]
                + ["-o", library, source] + GenericPlugin.options
        )
        try #require(built.code == 0, "\(built.errors)")
        let label = LayerOutput.label("failures")
        let chain = try genericChain(("failures=\(label)", library), over: .memory)
        let error = #expect(throws: LaminaError.self) { try chain.connect(to: Address(host: "10.9.9.9", port: 9)) }
        #expect(error?.errno == ECONNREFUSED)
        #expect(LayerOutput.lines(of: label).contains("connect failed"))
    }
}
