import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Changes, undo and the log")
struct CatalogChangeTests {
    let directory: TemporaryDirectory
    let writer: CatalogWriter

    init() throws {
        directory = try TemporaryDirectory()
        writer = CatalogWriter(
            CatalogDirectory("\(directory.path)/catalog.d", libraries: "\(directory.path)/lib"),
            quarantine: Quarantine(path: nil)
        )
    }

    var catalog: Catalog { Catalog(directories: [writer.directory], quarantine: Quarantine(path: nil)) }

    func manifest(_ name: String, _ summary: String = "") -> Manifest {
        var manifest = Manifest(name: name, library: "\(directory.path)/plugin.so", kind: .layered, effect: .observe)
        manifest.summary = summary
        return manifest
    }

    func text(_ name: String, _ summary: String = "") -> String { manifest(name, summary).json.text() }

    func install(_ library: String) throws -> [Manifest] {
        try writer.install(library) { copy throws(LaminaError) in [manifest("mine")] }
    }

    func file(_ path: String) -> String? {
        (try? readAll("\(writer.directory.path)/\(path)")).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("A change of several files is one record with who, when, what, from where, and each file before and after")
    func records() throws {
        try writer.write(manifest("a", "old"))
        let number = try writer.change(
            "sort",
            "a and b",
            origin: "/somewhere",
            files: ["a.json": text("a", "new"), "b.json": text("b"), "chains/c.json": "{}", "policies/p.json": "{}"]
        )
        #expect(number == 2)
        let (records, problems) = try writer.log()
        #expect(problems.isEmpty)
        let record = try #require(records.first)
        #expect(
            (record.generation, record.action, record.subject, record.origin) == (2, "sort", "a and b", "/somewhere")
        )
        #expect(record.user == getuid() && record.time > 1_700_000_000 && record.program.hasPrefix("/"))
        #expect(record.files.map(\.path) == ["a.json", "b.json", "chains/c.json", "policies/p.json"])
        #expect(record.files[0].before?.contains("old") == true && record.files[1].before == nil)
        #expect(catalog.entries.map(\.name) == ["a", "b"])
        #expect(catalog.generation[writer.directory.path] == 2)
    }

    @Test("A change that changes nothing is none, and one of a foreign file is refused")
    func nothing() throws {
        #expect(try writer.change("write", "a", files: ["a.json": text("a")]) == 1)
        #expect(try writer.change("write", "a", files: ["a.json": text("a"), "b.json": nil]) == nil)
        for path in [
            "../a.json", ".a.json", "a", "a/b.json", "chains/a/b.json", "/etc/a.json", "chains/.json", ".lock",
        ] {
            let error = #expect(throws: LaminaError.self) { try writer.change("write", "a", files: [path: "{}"]) }
            #expect(error?.code == .invalidArgument)
        }
        #expect(catalog.generation[writer.directory.path] == 1)
    }

    @Test("A change that is recorded and not applied is what readers see, and the next writer completes it")
    func unapplied() throws {
        try writer.write(manifest("a", "old"))
        try writer.write(manifest("gone"))
        try writer.change("swap", "all", files: ["a.json": text("a", "new"), "b.json": text("b"), "gone.json": nil])
        // As a writer leaves it that is killed between the record and the files.
        try directory.write(text("a", "old"), to: "catalog.d/a.json")
        try directory.write(text("gone"), to: "catalog.d/gone.json")
        unlink("\(writer.directory.path)/b.json")
        try directory.write("2\n", to: "catalog.d/.generation")
        #expect(catalog.entries.map(\.name) == ["a", "b"])
        #expect(try catalog.entry(named: "a").manifest?.summary == "new")
        #expect(catalog.generation[writer.directory.path] == 3)
        #expect(file("gone.json") != nil)
        try writer.write(manifest("c"))
        #expect(file("gone.json") == nil)
        #expect(file("a.json")?.contains("new") == true)
        #expect(catalog.entries.map(\.name) == ["a", "b", "c"])
    }

    @Test("A catalog shows what was there when it was made, also what it reads after later changes")
    func snapshot() throws {
        for name in ["a", "b", "c"] { try writer.write(manifest(name, "old")) }
        let before = catalog
        try writer.change("swap", "all", files: ["a.json": text("a", "new"), "b.json": nil, "d.json": text("d")])
        try writer.change("swap", "all", files: ["a.json": text("a", "newest"), "c.json": nil])
        #expect(try before.entry(named: "a").manifest?.summary == "old")
        #expect(before.entries.map(\.name) == ["a", "b", "c"])
        #expect(throws: LaminaError.self) { try before.entry(named: "d") }
        #expect(catalog.entries.map(\.name) == ["a", "d"])
        #expect(before.generation[writer.directory.path] == 3)
    }

    @Test("Only what is asked for is read")
    func lazy() throws {
        try writer.write(manifest("a"))
        let catalog = catalog
        _ = try catalog.entry(named: "a")
        // By hand, so that no record tells how it was before.
        try directory.manifest("b")
        try directory.write("x", to: "catalog.d/a.json")
        #expect(try catalog.entry(named: "b").name == "b")
        #expect(try catalog.entry(named: "a").manifest != nil)
    }

    @Test("A file's name is the provider's name; one that says another is broken, and harms nobody")
    func names() throws {
        try directory.manifest("real")
        try directory.manifest("other", ["name": "real"])
        let entry = try catalog.entry(named: "other")
        #expect(
            entry.reason == "\(writer.directory.path)/other.json: its name says \"real\"; rename it to real.json"
        )
        #expect(try catalog.entry(named: "real").manifest != nil)
        #expect(catalog.entries.map(\.name) == ["other", "real"])
    }

    @Test("Undo restores the state before the last change; again, the one before; and then there is nothing")
    func undo() throws {
        try writer.write(manifest("a", "one"))
        try writer.change("both", "a b", files: ["a.json": text("a", "two"), "b.json": text("b")])
        #expect(try writer.undo().generation == 2)
        #expect(catalog.entries.map(\.manifest?.summary) == ["one"])
        try writer.write(manifest("c"))
        #expect(try writer.undo().subject == "c")
        #expect(try writer.undo().generation == 1)
        #expect(catalog.entries.isEmpty)
        let error = #expect(throws: LaminaError.self) { try writer.undo() }
        #expect(error?.cause == "there is nothing left to undo")
        #expect(try writer.log().records.map(\.undoes) == [1, 4, nil, 2, nil, nil])
    }

    @Test("What was edited by hand since is not undone")
    func edited() throws {
        try writer.write(manifest("a", "one"))
        try writer.change("both", "a b", files: ["a.json": text("a", "two"), "b.json": text("b")])
        try directory.write(text("a", "mine"), to: "catalog.d/a.json")
        let error = #expect(throws: LaminaError.self) { try writer.undo() }
        #expect(error?.description.contains("a.json: has been edited since change 2 (both a b)") == true)
        #expect(file("a.json")?.contains("mine") == true && file("b.json") != nil)
        #expect(try writer.log().records.count == 2)
    }

    @Test("An undone installation comes back with its library; a copy goes with the last record that names it")
    func copies() throws {
        let first = try install(try directory.plugin())[0].library
        let second = try install(try directory.plugin("REFUSE_INSTANCE"))[0].library
        #expect(first != second)
        try writer.undo()
        #expect(try catalog.entry(named: "mine").library == first)
        #expect(try catalog.entry(named: "mine").state == .available)
        for round in 1...98 { try writer.write(manifest("x", "\(round)")) }
        // Change 1 is dropped: `first` is still in use, and `second` is named by the records of change 2 and its undo.
        #expect(try writer.log().records.last?.generation == 2)
        #expect(access(first, F_OK) == 0 && access(second, F_OK) == 0)
        for round in 1...2 { try writer.write(manifest("y", "\(round)")) }
        #expect(access(first, F_OK) == 0)
        #expect(access(second, F_OK) != 0)
        #expect(try writer.log().records.count == 100)
    }

    @Test("Installing the same again changes nothing; who, when and from where stay")
    func again() throws {
        let library = try directory.plugin()
        let first = try install(library)
        let status = try readAll("\(writer.directory.path)/mine.json")
        #expect(try install(library) == first)
        #expect(try readAll("\(writer.directory.path)/mine.json") == status)
        #expect(try writer.log().records.count == 1)
        let installation = try #require(try catalog.entry(named: "mine").manifest?.installation)
        #expect(installation.from == library && installation.user == getuid() && installation.time > 1_700_000_000)
    }

    @Test(
        "A library that others may change, or any folder above it, is not installed",
        arguments: ["outer/inner/plugin.so", "outer/inner", "outer"]
    )
    func untrusted(open: String) throws {
        for folder in ["outer", "outer/inner"] { mkdir("\(directory.path)/\(folder)", 0o755) }
        let library = try directory.plugin(named: "outer/inner/plugin.so")
        chmod("\(directory.path)/\(open)", 0o777)
        let error = #expect(throws: LaminaError.self) { try install(library) }
        #expect(error?.subject == "\(directory.path)/\(open)" && error?.cause == "may be written by everyone")
        #expect(catalog.entries.isEmpty)
    }

    @Test("Disabling is a mask with a reason that enabling takes back; both may be said twice")
    func enabling() throws {
        let package = CatalogDirectory("\(directory.path)/package")
        let both = Catalog(directories: [package, writer.directory])
        try directory.manifest("trace", in: "package")
        try writer.write(manifest("own", "mine"))
        let before = file("own.json")
        for name in ["trace", "own"] {
            #expect(try writer.disable(name, because: "too loud", in: both))
            #expect(try !writer.disable(name, in: both))
        }
        let now = Catalog(directories: [package, writer.directory])
        for name in ["trace", "own"] {
            #expect(try now.entry(named: name).reason == "masked by \(writer.directory.path)/\(name).json: too loud")
            let error = #expect(throws: LaminaError.self) { try now.manifest(named: name) }
            #expect(error?.remedy == "lamina enable \(name)")
        }
        let elsewhere = CatalogWriter(CatalogDirectory("\(directory.path)/elsewhere"))
        let refused = #expect(throws: LaminaError.self) { try elsewhere.enable("trace", in: now) }
        #expect(refused?.remedy == "lamina enable --directory \(writer.directory.path) trace")
        for name in ["trace", "own"] {
            #expect(try writer.enable(name))
            #expect(try !writer.enable(name, in: Catalog(directories: [package, writer.directory])))
        }
        #expect(file("trace.json") == nil)
        #expect(try JSON(parsing: file("own.json") ?? "") == JSON(parsing: before ?? ""))
        #expect(throws: LaminaError.self) { try writer.disable("trce", in: both) }
    }

    @Test("An update of a disabled provider stays disabled")
    func disabledUpdate() throws {
        _ = try install(try directory.plugin())
        try writer.disable("mine", because: "no", in: catalog)
        _ = try install(try directory.plugin("REFUSE_INSTANCE"))
        #expect(try catalog.entry(named: "mine").reason?.hasSuffix("mine.json: no") == true)
    }

    @Test("A damaged record stops neither readers nor the log")
    func damagedRecord() throws {
        try writer.write(manifest("a"))
        try directory.write("{", to: "catalog.d/.history/00000002.json")
        #expect(try catalog.entry(named: "a").manifest != nil)
        #expect(catalog.problems.map(\.code) == [.invalidManifest])
        #expect(try writer.log().problems.count == 1)
    }

    @Test("Without its number a directory's records are history, and are not made again")
    func lostGeneration() throws {
        try writer.write(manifest("a", "one"))
        try writer.write(manifest("a", "two"))
        unlink("\(writer.directory.path)/.generation")
        #expect(catalog.generation[writer.directory.path] == 2)
        try writer.write(manifest("b"))
        #expect(try writer.log().records.first?.generation == 3)
        #expect(try catalog.entry(named: "a").manifest?.summary == "two")
    }
}
