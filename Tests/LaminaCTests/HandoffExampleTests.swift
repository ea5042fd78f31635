import TestSupport
import Testing

/// The examples that hand a socket to a process that is no relative, in C and in Swift, and from one to the other.
@Suite struct HandoffExampleTests {
    private let programs: CPrograms
    private let example: String

    init() throws {
        programs = try CPrograms()
        example = try programs.linked("\(PackageTree.root)/Tests/Examples/handoff.c")
    }

    enum Language: String, CaseIterable, Sendable { case c, swift }

    private func program(_ language: Language) -> String {
        language == .c ? example : "\(PackageTree.products)/HandoffExample"
    }

    /// Runs source and target, neither of which started the other.
    private func run(
        _ source: Language,
        _ target: Language,
        _ kind: String,
        _ layers: [String],
        _ expected: String
    ) throws {
        let path = "\(programs.tree.path)/\(source)-\(target)-\(kind)-\(layers.count)"
        let catalog = ["LAMINA_CATALOG_PATH=\(programs.tree.path)/share/lamina/catalog.d"]
        let taking = try Child([program(target), "target", path], environment: catalog)
        #expect(try taking.firstLine() == "listening")
        let giving = try Child.run(
            [program(source), "source", path, kind, CPrograms.kernel] + layers,
            environment: catalog
        )
        let taken = taking.end()
        #expect(giving.code == 0 && giving.output == "done\n", "\(giving.errors)")
        #expect(taken.code == 0, "\(taken.errors)")
        #expect(taken.lines == ["listening", "levels \(expected)", "done"], "\(taken.errors)")
    }

    @Test(
        "TCP, UDP and listening sockets through no, one and three layers go from C and Swift to C and Swift",
        arguments: ["tcp", "udp", "listen"],
        [[], ["Trace=a:data=none,"], ["Trace=a:", "Count=n:each=no", "Trace=b:errors,"]]
    )
    func share(kind: String, layers: [String]) throws {
        let labels = layers.map { String($0.split(separator: "=")[1].prefix { $0 != ":" }) } + ["kernel"]
        let layers = layers.map { layer in
            let name = layer.prefix { $0 != "=" }
            let file = name == "Trace" ? "file=/dev/null" : ""
            return "\(PackageTree.products)/libLamina\(name).so\(layer.dropFirst(name.count))\(file)"
        }
        for source in Language.allCases {
            for target in Language.allCases {
                try run(source, target, kind, layers, labels.joined(separator: "/"))
            }
        }
    }

    @Test("The same with a layer that moves", arguments: ["tcp", "listen"])
    func move(kind: String) throws {
        let keystream = try CPlugin.build("Fixtures/layers/keystream")
        try run(.c, .swift, kind, ["\(keystream)=cipher"], "cipher/kernel")
        try run(
            .swift,
            .c,
            kind,
            ["\(keystream)=cipher", "\(PackageTree.products)/libLaminaTrace.so=a:file=/dev/null"],
            "cipher/a/kernel"
        )
    }
}
