import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The doctor")
struct DoctorTests {
    let directory: TemporaryDirectory
    let writer: CatalogWriter

    init() throws {
        directory = try TemporaryDirectory()
        writer = CatalogWriter(
            CatalogDirectory("\(directory.path)/catalog.d"),
            quarantine: Quarantine(path: "\(directory.path)/state/lamina/quarantine")
        )
        try directory.plugin()
        try directory.manifest("sound")
    }

    func findings(_ more: CatalogDirectory...) -> [Doctor.Finding] {
        Doctor.examine(Catalog(directories: [writer.directory] + more, quarantine: writer.quarantine))
    }

    /// Runs a command that the doctor named, with the command from beside the tests.
    func run(_ command: String) throws -> Child.Ending {
        let path = "PATH=\(PackageTree.products):/usr/local/bin:/usr/bin:/bin"
        let state = "XDG_STATE_HOME=\(directory.path)/state"
        let catalog = "LAMINA_CATALOG_PATH=\(writer.directory.path)"
        let environment = [path, state, catalog, "HOME=\(directory.path)"]
        return try Child.run(["sh", "-c", command], environment: environment)
    }

    /// Sees this rule alone, and that what it names mends it.
    func expect(_ rule: String, about subject: String, mendedBy command: String? = nil) throws {
        let found = findings()
        #expect(found.map(\.rule.number) == [rule], "\(found.map { "\($0.subject): \($0.explanation)" })")
        guard let finding = found.first else { return }
        #expect(finding.subject.replacing(directory.path, with: "DIR").hasPrefix(subject), "\(finding.subject)")
        #expect(!finding.explanation.contains("\n"))
        if let command {
            #expect(finding.command.replacing(directory.path, with: "DIR") == command)
        }
        let ending = try run(finding.command)
        #expect(ending.code == 0, "\(finding.command): \(ending.errors)")
        #expect(findings().isEmpty, "\(findings().map(\.explanation))")
    }

    @Test("A sound catalog has no finding, and every rule a number of its own")
    func sound() {
        #expect(findings().isEmpty)
        let numbers = Doctor.rules.map(\.number)
        #expect(Set(numbers).count == numbers.count)
        #expect(numbers == numbers.sorted())
    }

    @Test("D01: files that others may change", arguments: ["catalog.d/sound.json", "plugin.so", "catalog.d"])
    func permissions(path: String) throws {
        chmod("\(directory.path)/\(path)", 0o777)
        try expect("D01", about: "DIR/\(path)", mendedBy: "chmod go-w DIR/\(path)")
    }

    @Test("D02: a manifest that can't be read")
    func manifest() throws {
        try directory.write(#"{"format": 1, "kind": "layred"}"#, to: "catalog.d/bad.json")
        try expect("D02", about: "DIR/catalog.d/bad.json", mendedBy: "lamina remove --directory DIR/catalog.d bad")
        mkdir("\(directory.path)/catalog.d/folder.json", 0o755)
        try expect("D02", about: "DIR/catalog.d/folder.json", mendedBy: "rm -r DIR/catalog.d/folder.json")
    }

    @Test("D03: a file with another name than its provider")
    func name() throws {
        try directory.manifest("wrong", ["name": "right"])
        try expect(
            "D03",
            about: "DIR/catalog.d/wrong.json",
            mendedBy: "mv DIR/catalog.d/wrong.json DIR/catalog.d/right.json"
        )
        #expect(Catalog(directories: [writer.directory]).entries.map(\.name) == ["right", "sound"])
    }

    @Test("D04: a library that is missing; one that was installed is installed again")
    func missing() throws {
        try directory.manifest("lost", ["library": "lost.so"])
        try expect("D04", about: "DIR/catalog.d/lost.so", mendedBy: "lamina remove --directory DIR/catalog.d lost")
        let copy = try installed("fixture")
        unlink(copy)
        try expect(
            "D04",
            about: "DIR/catalog.d/plugin-",
            mendedBy: "lamina install --directory DIR/catalog.d DIR/plugin.so"
        )
    }

    @Test("D05: a library that isn't what was installed")
    func changed() throws {
        let copy = try installed("fixture")
        try directory.write(try readAll(copy) + [0], to: String(copy.dropFirst(directory.path.count + 1)))
        try expect(
            "D05",
            about: "DIR/catalog.d/plugin-",
            mendedBy: "lamina install --directory DIR/catalog.d DIR/plugin.so"
        )
    }

    @Test("An installed copy that was only touched is no finding")
    func touched() throws {
        let copy = try installed("fixture")
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        utimensat(AT_FDCWD, copy, &times, 0)
        #expect(findings().isEmpty)
    }

    @Test("D06 and D07: a library for another machine, and one that is no plug-in")
    func foreign() throws {
        var bytes = try readAll("\(directory.path)/plugin.so")
        bytes[18] = 0xF3
        try directory.write(bytes, to: "foreign.so")
        try directory.manifest("foreign", ["library": "../foreign.so"])
        try expect("D06", about: "DIR/catalog.d/../foreign.so")
        try directory.write("text", to: "text.so")
        try directory.manifest("text", ["library": "../text.so"])
        try expect("D07", about: "DIR/catalog.d/../text.so")
    }

    @Test("D08: a library that needs one that isn't there")
    func needs() throws {
        let part = "\(directory.path)/parts/libpart.so.1"
        mkdir("\(directory.path)/parts", 0o755)
        try directory.write("int part(void) { return 1; }", to: "part.c")
        let made = try Child.run([
            "cc", "-shared", "-fPIC", "-Wl,-soname,libpart.so.1", "-o", part, "\(directory.path)/part.c",
        ])
        #expect(made.code == 0, "\(made.errors)")
        try directory.plugin(named: "needy.so", linking: ["-Wl,--no-as-needed", part, "-Wl,-rpath,$ORIGIN/parts"])
        try directory.manifest("needy", ["library": "../needy.so"])
        #expect(findings().isEmpty, "\(findings().map(\.explanation))")
        rename(part, "\(part).away")
        #expect(findings().first?.explanation.hasPrefix("needs libpart.so.1, found nowhere") == true)
        rename("\(part).away", part)
        #expect(findings().isEmpty)
        unlink(part)
        try expect("D08", about: "DIR/catalog.d/../needy.so", mendedBy: "lamina remove --directory DIR/catalog.d needy")
    }

    @Test("D09: a provider for another ABI version")
    func version() throws {
        try directory.manifest("future", ["abi": ["min": 7, "max": 9]])
        try expect("D09", about: "DIR/catalog.d/future.json")
    }

    @Test("D10: a process that runs a library's old file")
    func inPlace() throws {
        let library = try directory.plugin(named: "live.so")
        try directory.manifest("live", ["library": .string(library)])
        let child = try Child(["sh", "-c", "echo up; read line"], environment: ["LD_PRELOAD=\(library)"])
        try child.await("up")
        #expect(findings().isEmpty)
        let copy = "\(library).new"
        #expect(try Child.run(["cp", library, copy]).code == 0)
        rename(copy, library)
        let found = findings()
        #expect(found.map(\.rule.number) == ["D10"])
        #expect(found.first?.subject == "process \(child.process) (sh)")
        #expect(found.first?.explanation.contains("restart needed") == true)
        #expect(found.first?.command == "kill \(child.process)")
        #expect(try run(found.first?.command ?? "false").code == 0)
        _ = child.end()
        #expect(findings().isEmpty)
    }

    @Test("D11: two providers with one UUID")
    func uuid() throws {
        try directory.manifest("one", ["uuid": "B3A6E0D2-5A0C-4C55-8B0F-7D1C2F9A2C02"])
        try directory.manifest("two", ["uuid": "b3a6e0d2-5a0c-4c55-8b0f-7d1c2f9a2c02"])
        try expectDisabled("D11", "two")
    }

    @Test("D12: a requirement that nobody meets")
    func requirement() throws {
        try directory.manifest("needs", ["requires": ["nobody", "sound"]])
        try expectDisabled("D12", "needs")
    }

    @Test("D13: before and after in a cycle")
    func cycle() throws {
        try directory.manifest("one", ["before": ["two"]])
        try directory.manifest("three", ["before": ["one"], "after": ["two"]])
        try directory.manifest("two", ["before": ["sound"]])
        #expect(findings().first?.explanation == "before and after make a cycle: one above two above three above one")
        try expectDisabled("D13", "three")
    }

    /// A fault that disabling mends, of which a note stays.
    func expectDisabled(_ rule: String, _ name: String) throws {
        let found = findings()
        #expect(found.map(\.rule.number) == [rule], "\(found.map(\.explanation))")
        #expect(found.first?.command == "lamina disable --directory \(writer.directory.path) \(name)")
        let ending = try run(found.first?.command ?? "false")
        #expect(ending.code == 0, "\(ending.errors)")
        let rest = findings()
        #expect(rest.map(\.rule.number) == ["D16"], "\(rest.map(\.explanation))")
        #expect(rest.allSatisfy { $0.rule.severity == .note })
    }

    @Test("D14: a library that is quarantined")
    func quarantined() throws {
        try writer.quarantine.add(
            Quarantine.Record(
                of: "\(directory.path)/plugin.so",
                names: ["sound"],
                signal: SIGSEGV,
                place: "in connect",
                program: "curl"
            )
        )
        try expect("D14", about: "DIR/plugin.so", mendedBy: "lamina clear sound")
    }

    @Test("D15: an environment that disables every layer")
    func environment() throws {
        func doctor(_ prefix: String) throws -> Child.Ending {
            try run("\(prefix) lamina doctor --json")
        }
        let ending = try doctor("export LAMINA_DISABLE=1;")
        #expect(ending.code == 1)
        #expect(ending.output.contains("\"D15\"") && ending.output.contains("unset LAMINA_DISABLE"))
        #expect(try !doctor("export LAMINA_DISABLE=1; unset LAMINA_DISABLE;").output.contains("\"D15\""))
    }

    @Test("D16: a disabled provider is a note, with the reason")
    func disabled() throws {
        try writer.disable("sound", because: "too loud", in: Catalog(directories: [writer.directory]))
        #expect(findings().first?.explanation == "disables \"sound\": too loud")
        try expect("D16", about: "DIR/catalog.d/sound.json", mendedBy: "lamina enable --directory DIR/catalog.d sound")
    }

    @Test("D17: a change that wasn't finished, and what killed writers left")
    func unfinished() throws {
        try writer.write(Manifest(name: "a", library: "../plugin.so", kind: .layered, effect: .observe))
        try directory.write("0\n", to: "catalog.d/.generation")
        try expect("D17", about: "DIR/catalog.d", mendedBy: "lamina doctor --recover --directory DIR/catalog.d")
        try directory.write("{", to: "catalog.d/.b.json.new")
        try directory.write("", to: "catalog.d/libOld-0123456789abcdef.so")
        #expect(findings().first?.explanation.contains("libOld-0123456789abcdef.so") == true)
        try expect("D17", about: "DIR/catalog.d")
    }

    @Test("D18: a record that is damaged")
    func history() throws {
        try writer.write(Manifest(name: "a", library: "../plugin.so", kind: .layered, effect: .observe))
        try directory.write("{", to: "catalog.d/.history/00000001.json")
        try expect(
            "D18",
            about: "DIR/catalog.d/.history/00000001.json",
            mendedBy: "rm DIR/catalog.d/.history/00000001.json"
        )
    }

    @Test("D19: a quarantine record that can't be read")
    func record() throws {
        try directory.write("{}", to: "state/lamina/quarantine/x.json")
        try expect(
            "D19",
            about: "DIR/state/lamina/quarantine/x.json",
            mendedBy: "rm DIR/state/lamina/quarantine/x.json"
        )
    }

    @Test("Findings of one directory alone, and the exit status")
    func oneDirectory() throws {
        let other = CatalogDirectory("\(directory.path)/other")
        try directory.manifest("lost", ["library": "lost.so"], in: "other")
        let catalog = Catalog(directories: [writer.directory, other], quarantine: writer.quarantine)
        #expect(Doctor.examine(catalog).map(\.rule.number) == ["D04"])
        #expect(Doctor.examine(catalog, in: writer.directory).isEmpty)
        #expect(try run("lamina doctor --directory \(writer.directory.path)").code == 0)
        #expect(try run("lamina doctor --directory \(other.path)").code == 1)
    }

    /// Installs the fixture with the command, and gives its copy.
    func installed(_ name: String) throws -> String {
        let ending = try run("lamina install --directory \(writer.directory.path) \(directory.path)/plugin.so")
        #expect(ending.code == 0, "\(ending.errors)")
        return try #require(try Catalog(directories: [writer.directory]).entry(named: name).library)
    }
}
