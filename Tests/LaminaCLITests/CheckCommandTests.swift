import Lamina
import TestSupport
import Testing

@Suite("lamina check")
struct CheckCommandTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    /// A layer's library.
    private func layer(_ source: String) throws -> String { try CPlugin.build(source) }

    @Test("A layer that keeps the rules is status 0, one line a rule")
    func passes() throws {
        let ending = try command.run(
            "check",
            try layer("Fixtures/layers/nothing"),
            "--rule",
            "order",
            "--rule",
            "cancel"
        )
        #expect(ending.code == 0)
        #expect(ending.lines == ["passed  nothing: order", "passed  nothing: cancel", "2 rules: 2 passed"])
    }

    @Test("A layer that breaks one is status 1, and JSON says what was seen")
    func fails() throws {
        let library = try layer("LaminaConformanceTests/Fixtures/end-of-stream")
        let text = try command.run("check", library, "--rule", "end-of-stream")
        #expect(text.code == 1)
        #expect(text.output.hasPrefix("failed  end-of-stream: end-of-stream: receive: "))
        let json = try command.run("check", library, "--rule", "end-of-stream", "--json")
        #expect(json.code == 1)
        let results = try #require(try JSON(parsing: Array(json.output.utf8)).arrayValue)
        #expect(results.map { $0["verdict"]?.stringValue } == ["failed"])
        #expect(results.first?["entry"]?.stringValue == "receive")
    }

    @Test("Settings reach the provider; one that is wrong is status 125")
    func settings() throws {
        let library = try layer("Fixtures/layers/redirect")
        #expect(try command.run("check", library, "--setting", "port=9", "--rule", "order").code == 0)
        let wrong = try command.run("check", library, "--setting", "prot=9", "--rule", "order")
        #expect(wrong.code == 125)
        #expect(wrong.complained(of: "prot"), "\(wrong.errors)")
    }

    @Test("The rules are listed, with what each demands, as text and as JSON")
    func list() throws {
        let text = try command.run("check", "--list")
        #expect(text.code == 0)
        #expect(text.lines.contains("completes-once"))
        let json = try JSON(parsing: Array(try command.run("check", "--list", "--json").output.utf8))
        let rules = try #require(json.arrayValue)
        #expect(rules.count == 26)
        for rule in rules {
            for key in ["name", "demand", "reason", "source"] {
                #expect(rule[key]?.stringValue?.isEmpty == false, "\(rule)")
            }
        }
    }

    @Test("An installed provider is checked by its name")
    func installed() throws {
        let ending = try command.run("check", "count", "--rule", "order")
        #expect(ending.code == 0)
        #expect(ending.lines.first == "passed  count: order")
    }

    @Test("What is no plug-in is named, with what to type instead, in one line and status 125")
    func wrong() throws {
        let library = try layer("Fixtures/layers/nothing")
        let manifest = "\(PackageTree.root)/Plugins/Count/manifest.json"
        try command.directory.write("", to: "libs/libMine.so")
        let folder = "\(command.directory.path)/libs"
        for (arguments, parts) in [
            ([], ["no plug-in is named"]),
            (["/nowhere/libMine.so"], ["/nowhere/libMine.so", "is missing"]),
            (["\(folder)/libMime.so"], ["is missing", "did you mean \"libMine.so\"?"]),
            ([folder], ["is a directory", "name a shared object in it: \(folder)/libMine.so"]),
            ([manifest], ["is the manifest of count", "check its library, libLaminaCount.so"]),
            (["\(PackageTree.root)/README.md"], ["is not an ELF file"]),
            (["/bin/sh"], ["is a program"]),
            (["tracer"], ["is neither a file nor an installed provider"]),
            ([library, "--rule", "ordr"], ["\"ordr\"", "did you mean \"order\"?"]),
            ([library, "--rul", "order"], ["--rul"]),
            ([library, "--provider", "other"], ["other", "nothing"]),
            ([library, "order"], ["order"]),
        ] as [([String], [String])] {
            let ending = try command.run(["check"] + arguments)
            #expect(ending.code == 125, "\(arguments)")
            #expect(ending.output == "", "\(arguments)")
            #expect(ending.complaints.count == 1 && ending.errors.hasPrefix("lamina: "), "\(ending.errors)")
            for part in parts { #expect(ending.errors.contains(part), "\(arguments): \(ending.errors)") }
        }
    }
}
