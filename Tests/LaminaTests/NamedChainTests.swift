import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Named chains")
struct NamedChainTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.plugin()
        let settings: JSON = [
            ["name": "level", "type": "choice", "choices": ["low", "high"]], ["name": "key", "type": "secret"],
            ["name": "file", "type": "path"],
        ]
        try directory.manifest("watch", ["phase": "inspector", "settings": settings])
        try directory.manifest("tls", ["phase": "crypto-compress", "requires": ["watch"], "conflicts": ["rival"]])
        try directory.manifest("rival")
        try directory.manifest("lost", ["library": "lost.so"])
        try directory.manifest("wire", ["kind": "base", "effect": "none"])
    }

    private func add(_ name: String, _ layers: String..., base: String? = nil, derived: Bool = false) throws -> [String]
    {
        let definition = ChainDefinition(layers: layers, base: base, order: derived ? .derived : .given)
        return try directory.writer().write(try NamedChain(name, definition), in: directory.catalog())
    }

    private func refusal(_ layers: String..., base: String? = nil, derived: Bool = false) -> String {
        let definition = ChainDefinition(layers: layers, base: base, order: derived ? .derived : .given)
        let error = #expect(throws: LaminaError.self) {
            try directory.writer().write(try NamedChain("bad", definition), in: directory.catalog())
        }
        return error?.description ?? ""
    }

    @Test("A chain is stored as written, read again, listed, and removed without a trace")
    func stores() throws {
        #expect(try add("web", "watch:level=high,key=env:KEY", "tls", base: "wire") == [])
        let chain = try directory.catalog().chain(named: "web")
        #expect(chain.definition.layers == ["watch:level=high,key=env:KEY", "tls"])
        #expect(chain.definition.base == "wire")
        #expect(chain.text == "watch, tls over wire")
        #expect(try directory.catalog().namedChains().map { try $0.get() } == [chain])
        try directory.writer().remove(chain: "web", in: directory.catalog())
        #expect(directory.catalog().namedChains().isEmpty)
        #expect(access(chain.file, F_OK) != 0)
    }

    @Test("The same command twice leaves the same file, and another one replaces it")
    func idempotent() throws {
        _ = try add("web", "watch", "tls")
        let file = try directory.catalog().chain(named: "web").file
        let first = try readAll(file)
        _ = try add("web", "watch", "tls")
        #expect(try readAll(file) == first)
        _ = try add("web", "watch")
        #expect(try directory.catalog().chain(named: "web").definition.layers == ["watch"])
    }

    @Test("An order against the phases is kept with a warning, and a derived one follows them")
    func orders() throws {
        #expect(
            try add("typed", "tls", "watch")
                == ["tls (crypto-compress) stands above watch (inspector), against the order of the phases"]
        )
        #expect(try add("derived", "tls", "watch", derived: true) == [])
        let catalog = directory.catalog()
        func labels(_ name: String) throws -> [String] {
            try catalog.chain(named: name).definition.resolved(in: catalog).layers.map(\.label)
        }
        #expect(try labels("typed") == ["tls", "watch"])
        #expect(try labels("derived") == ["watch", "tls"])
    }

    @Test("What can't stand is refused before anything is written")
    func refuses() throws {
        let path = directory.path
        for (message, part) in [
            (refusal("wtch"), "provider \"wtch\": is not in the catalog; did you mean \"watch\"?"),
            (refusal("lost"), "lost.so: the library is missing"),
            (refusal("watch:level=middle"), "layer \"watch\": level: \"middle\" is no choice"),
            (refusal("watch:levl=low"), "did you mean \"level\"?"),
            (refusal("watch:level"), "level: \"true\" is no choice"),
            (refusal("tls"), "requires \"watch\" (\(path)/catalog.d/tls.json), which is not in the chain"),
            (refusal("watch", "tls", "rival"), "conflicts with \"rival\" (\(path)/catalog.d/tls.json)"),
            (refusal("watch", "watch"), "label \"watch\": is given twice; give one its own: watch=LABEL"),
            (refusal("wire"), "layer \"wire\": is a base; name it with --base"),
            (refusal("watch", base: "tls"), "base \"tls\": is a layer; name a base"),
            (refusal("watch", base: "wir"), "did you mean \"wire\"?"),
            (
                refusal("watch:key=hunter2"),
                "layer \"watch\": key: is a secret, which no file may hold; write key=env:NAME"
            ),
            (refusal("watch:key=@secret"), "@secret is relative"),
            (refusal("watch:level=env:L"), "level: takes no secret"),
            (refusal("./plugin.so"), "./plugin.so is relative, and what is stored is used from anywhere"),
            (refusal("\(path)/plugin.so", derived: true), "is no installed provider, so nothing says where it belongs"),
            (refusal("watch:when=[prt=1]"), "did you mean \"port\"?"),
        ] {
            #expect(message.contains(part), "\(message)")
            #expect(!message.contains("\n") && !message.contains("hunter2"))
        }
        #expect(directory.catalog().namedChains().isEmpty)
        #expect(throws: LaminaError.self) { try NamedChain("a b", ChainDefinition(layers: [])) }
    }

    @Test("A chain of a later directory replaces the one of its name, and a broken one is never passed over")
    func overrides() throws {
        _ = try add("web", "watch")
        try directory.write(#"{"format": 1, "layers": ["rival"]}"#, to: "later/chains/web.json")
        let directories = ["catalog.d", "later"].map { CatalogDirectory("\(directory.path)/\($0)") }
        #expect(try Catalog(directories: directories).chain(named: "web").definition.layers == ["rival"])
        for (text, part) in [
            (#"{"format": 1, "lyers": []}"#, "key \"lyers\": is unknown; did you mean \"layers\"?"),
            (#"{"format": 1, "layers": ["a:"]}"#, "key \"layers[0]\": nothing stands after ':'"),
            (#"{"format": 1, "name": "other", "layers": []}"#, "is \"other\" in a file of another name"),
            (#"{"format": 2, "layers": []}"#, "is 2, and this Lamina reads 1"), ("{", "truncated"), ("[]", "an array"),
        ] {
            let file = try directory.write(text, to: "later/chains/web.json")
            let error = #expect(throws: LaminaError.self) { try Catalog(directories: directories).chain(named: "web") }
            #expect(error?.description.hasPrefix(file) == true && error?.description.contains(part) == true, "\(part)")
        }
        chmod(try directory.write(#"{"format": 1, "layers": []}"#, to: "later/chains/web.json"), 0o666)
        let error = #expect(throws: LaminaError.self) { try Catalog(directories: directories).chain(named: "web") }
        #expect(error?.description.contains("may be written by everyone") == true)
    }

    @Test("An unknown chain gets the nearest name, and one of another directory is said to be there")
    func unknown() throws {
        _ = try add("web", "watch")
        let error = #expect(throws: LaminaError.self) { try directory.catalog().chain(named: "wbe") }
        #expect(error?.description == "chain \"wbe\": is not in the catalog; did you mean \"web\"?")
        let elsewhere = #expect(throws: LaminaError.self) {
            try directory.writer("later").remove(chain: "web", in: directory.catalog())
        }
        #expect(elsewhere?.description.contains("but in \(directory.path)/catalog.d/chains/web.json") == true)
    }

    @Test("A chain that a policy names stays until the policy goes")
    func used() throws {
        _ = try add("web", "watch")
        let subject = try PolicySubject(parsing: "name:build")
        try directory.writer().write(Policy(subject, .chain("web")), in: directory.catalog())
        let error = #expect(throws: LaminaError.self) {
            try directory.writer().remove(chain: "web", in: directory.catalog())
        }
        #expect(error?.description.contains("is what the policy for name:build names") == true)
        try directory.writer().remove(policy: subject, in: directory.catalog())
        try directory.writer().remove(chain: "web", in: directory.catalog())
    }

    @Test("Removing a provider changes nobody's chain: it says what is missing, and works again once that is back")
    func survives() throws {
        _ = try add("web", "watch")
        _ = try add("other", "rival")
        let file = try directory.catalog().chain(named: "web").file
        let text = try readAll(file)
        try directory.writer().remove("watch")
        #expect(try readAll(file) == text)
        let web = try directory.catalog().chain(named: "web")
        let error = #expect(throws: LaminaError.self) { try web.definition.check(in: directory.catalog()) }
        #expect(error?.description.contains("provider \"watch\": is not in the catalog") == true)
        try directory.catalog().chain(named: "other").definition.check(in: directory.catalog())
        try directory.manifest("watch")
        try directory.catalog().chain(named: "web").definition.check(in: directory.catalog())
    }

    @Test("Doctor finds chains and policies that can't be followed, with the command that mends it")
    func examined() throws {
        _ = try add("web", "watch")
        let subject = try PolicySubject(parsing: "name:mine")
        try directory.writer().write(Policy(subject, .chain("web")), in: directory.catalog())
        func found() -> [String] {
            Doctor.examine(directory.catalog()).filter { $0.rule.number >= "D20" }.map {
                "\($0.rule.number) \($0.command)"
            }
        }
        #expect(found() == [])
        try directory.writer().remove("watch")
        let option = "--directory \(directory.path)/catalog.d"
        #expect(found() == ["D20 lamina chain remove web \(option)"])
        try directory.writer().change("remove", "chain web", files: ["chains/web.json": nil])
        #expect(found() == ["D21 lamina policy remove name:mine \(option)"])
        let file = try directory.write("{", to: "catalog.d/policies/odd.json")
        #expect(found().last == "D22 rm \(file)")
    }

    @Test("A chain's identity is made from its name, and is a UUID")
    func identity() throws {
        let (one, two) = (
            try NamedChain("web", ChainDefinition(layers: [])), try NamedChain("wbe", ChainDefinition(layers: []))
        )
        let again = try NamedChain("web", ChainDefinition(layers: ["a"]))
        #expect(one.uuid == again.uuid)
        #expect(one.uuid != two.uuid)
        #expect(one.uuid.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
    }

    @Test("A named chain is opened with its layers, its settings and its base")
    func opens() throws {
        try directory.plugins("Kernel", "Memory", "Count", in: "real")
        let definition = ChainDefinition(layers: ["count=outer", "count=inner:each=no"], base: "memory:buffer=1k")
        try directory.writer("real").write(try NamedChain("pair", definition), in: directory.catalog("real"))
        let catalog = directory.catalog("real")
        let chain = try Chain(named: "pair", catalog: catalog)
        #expect(chain.labels == ["outer", "inner", "memory"])
        #expect(throws: LaminaError.self) { try Chain(named: "par", catalog: catalog) }
    }
}
