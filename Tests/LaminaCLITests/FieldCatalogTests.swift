import Glibc
import Lamina
import TestSupport
import Testing

/// What went wrong in the field with the catalog of Winsock's layered service providers, each shown not to happen here.
/// The numbers are those of the table in `Winsock.md`.
@Suite("Field failures of catalogs")
struct FieldCatalogTests {
    let field: Field

    init() throws {
        field = try Field()
    }

    @Test("F1: a deleted library, a torn manifest and a damaged record leave every program its network")
    func dangling() throws {
        try field.install("alpha")
        let library = try #require(try field.libraries().first)
        #expect(unlink(library) == 0)
        let manifests = field.command.userManifests
        for (file, text) in [("torn", "{\"format\": 1, \"na"), (".history/00000002", "{"), ("empty", "")] {
            try field.command.directory.write(text, to: "\(manifests.dropFirst(field.path.count + 1))/\(file).json")
        }
        for arguments in [["--layer", "count"], []] { #expect(try field.asks(arguments) == field.answer) }
        let refused = try field.run(["--layer", "alpha"])
        #expect(refused.code == 125)
        #expect(refused.complained(of: library, "is missing", "install it again"), "\(refused.errors)")
        let bare = try field.run(["--layer", "alpha"], environment: ["LAMINA_DISABLE=1"])
        #expect(bare.code == 0 && bare.output.hasSuffix(field.answer), "\(bare.errors)")
    }

    @Test("F2: removing a provider breaks no chain that doesn't name it, and installing it again mends those that do")
    func removal() throws {
        for name in ["alpha", "beta", "gamma"] { try field.install(name) }
        try field.succeeds("chain", "add", "outer", "alpha", "gamma")
        try field.succeeds("chain", "add", "all", "alpha", "beta", "gamma")
        let before = try field.chainFiles()
        try field.succeeds("remove", "beta")
        #expect(try field.asks(["--chain", "outer"]) == field.answer)
        let refused = try field.run(["--chain", "all"])
        #expect(refused.code == 125)
        #expect(refused.complained(of: "\"beta\"", "is not in the catalog"), "\(refused.errors)")
        try field.install("beta")
        #expect(try field.asks(["--chain", "all"]) == field.answer)
        #expect(try field.chainFiles() == before)
    }

    @Test("F3: the order of a chain doesn't depend on who was installed last")
    func order() throws {
        let phases = [
            "alpha": "LAMINA_PHASE_CRYPTO_COMPRESS", "beta": "LAMINA_PHASE_FIREWALL", "gamma": "LAMINA_PHASE_PROXY",
        ]
        var seen: Set<[String]> = []
        for names in [["alpha", "beta", "gamma"], ["gamma", "beta", "alpha"], ["beta", "alpha", "gamma"]] {
            let other = try Field()
            for name in names { try other.install(name, "PHASE=\(phases[name] ?? "")") }
            try other.succeeds(["chain", "add", "--derive", "all"] + names)
            #expect(try other.asks(["--chain", "all"]) == other.answer)
            let explained = try JSON(parsing: try other.succeeds("explain", "--chain", "all", "--json", "curl").output)
            seen.insert(Self.labels(in: explained))
        }
        #expect(seen == [["beta", "gamma", "alpha"]])
    }

    /// The labels of the layers of a TCP socket in what `explain --json` prints.
    private static func labels(in explained: JSON) -> [String] {
        let sockets = explained["sockets"]?.arrayValue ?? explained["chain"]?["sockets"]?.arrayValue
        return sockets?.first?["levels"]?.arrayValue?.compactMap { $0.stringValue } ?? []
    }

    @Test("F10: who installed what, when and from where is on record, and nobody else's file is loaded")
    func provenance() throws {
        try field.install("alpha")
        let log = try JSON(parsing: try field.succeeds("log", "--json").output)
        let change = try #require(log.arrayValue?.first)
        #expect(change["action"]?.stringValue == "install")
        #expect(change["subject"]?.stringValue == "alpha")
        #expect(change["user"]?.integerValue == Int64(getuid()))
        #expect(change["origin"]?.stringValue?.hasSuffix(".so") == true, "\(change.text())")
        #expect((change["time"]?.integerValue ?? 0) > 1_700_000_000)
        let library = try #require(try field.libraries().first)
        chmod(library, 0o777)
        let refused = try field.run(["--layer", "alpha"])
        #expect(refused.complained(of: library, "may be written by everyone", "chmod"), "\(refused.errors)")
        chmod(library, 0o755)
        #expect(try field.asks(["--layer", "alpha"]) == field.answer)
    }

    @Test("F12: there is one catalog, and a library for another machine is passed by with a notice")
    func architecture() throws {
        try field.install("alpha")
        let library = try #require(try field.libraries().first)
        // e_machine: 183 is aarch64, 62 x86-64.
        var bytes = try readAll(library)
        bytes[18] = bytes[18] == 62 ? 183 : 62
        try field.command.directory.write(bytes, to: String(library.dropFirst(field.path.count + 1)))
        let listed = try field.succeeds("list")
        #expect(listed.lines.contains { $0.hasPrefix("alpha ") && $0.contains("can't be used") }, "\(listed.output)")
        #expect(listed.lines.contains { $0.hasPrefix("count ") && !$0.contains("can't be used") })
        #expect(try field.asks(["--layer", "count"]) == field.answer)
        let optional = try field.run(["--layer", "alpha:required=no", "--layer", "count"])
        #expect(optional.code == 0 && optional.output.hasSuffix(field.answer), "\(optional.errors)")
        #expect(optional.errors.contains("alpha"), "\(optional.errors)")
    }

    @Test("F14: one provider is disabled, idempotently, and every change can be taken back")
    func repair() throws {
        for name in ["alpha", "beta"] { try field.install(name) }
        for _ in 0..<2 { try field.succeeds("disable", "alpha") }
        #expect(try field.run(["--layer", "alpha"]).code == 125)
        #expect(try field.asks(["--layer", "beta"]) == field.answer)
        try field.succeeds("undo")
        #expect(try field.asks(["--layer", "alpha"]) == field.answer)
        for layers in [["alpha"], ["beta"], ["beta"]] {
            let options = layers.flatMap { ["--layer", $0] }
            try field.succeeds(["policy", "set", "name:build"] + options)
        }
        // What was set last stands alone: it isn't added to what was set before.
        #expect(try field.asks(["--name", "build"]) == field.answer)
        let explained = try field.succeeds("explain", "--name", "build", "--json", "curl").output
        #expect(Self.labels(in: try JSON(parsing: explained)) == ["beta"])
    }
}
