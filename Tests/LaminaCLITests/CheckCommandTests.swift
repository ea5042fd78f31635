import Lamina
import TestSupport
import Testing

@Suite("lamina check")
struct CheckCommandTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    /// A layer, built into the command's own directory.
    private func layer(_ source: String) throws -> String {
        let library = "\(command.directory.path)/libMine.so"
        let root = PackageTree.root
        let status = try TestSupport.run([
            "cc", "-shared", "-fPIC", "-pthread", "-I", "\(root)/Sources/CLamina/include", "-I",
            "\(root)/Tests/Fixtures/layers", "\(root)/Tests/\(source).c", "-o", library,
        ])
        try #require(status == 0)
        return library
    }

    @Test("A layer that keeps the rules is status 0, one line a rule")
    func passes() throws {
        let ending = try command.run(
            "check",
            try layer("Fixtures/layers/nothing"),
            "--only",
            "order",
            "--only",
            "cancel"
        )
        #expect(ending.code == 0)
        #expect(ending.lines == ["passed  nothing: order", "passed  nothing: cancel"])
    }

    @Test("A layer that breaks one is status 1, and JSON says what was seen")
    func fails() throws {
        let library = try layer("LaminaConformanceTests/Fixtures/end-of-stream")
        let text = try command.run("check", library, "--only", "end-of-stream")
        #expect(text.code == 1)
        #expect(text.output.hasPrefix("failed  end-of-stream: end-of-stream: receive: "))
        let json = try command.run("check", library, "--only", "end-of-stream", "--json")
        #expect(json.code == 1)
        let results = try #require(try JSON(parsing: Array(json.output.utf8)).arrayValue)
        #expect(results.map { $0["verdict"]?.stringValue } == ["failed"])
        #expect(results.first?["entry"]?.stringValue == "receive")
    }

    @Test("Settings reach the provider; one that is wrong is status 125")
    func settings() throws {
        let library = try layer("Fixtures/layers/redirect")
        #expect(try command.run("check", library, "--setting", "port=9", "--only", "order").code == 0)
        let wrong = try command.run("check", library, "--setting", "prot=9", "--only", "order")
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
        #expect(rules.count == 17)
        for rule in rules {
            for key in ["name", "demand", "reason", "source"] {
                #expect(rule[key]?.stringValue?.isEmpty == false, "\(rule)")
            }
        }
    }
}
