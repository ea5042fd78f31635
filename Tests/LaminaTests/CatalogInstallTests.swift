import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Installing")
struct CatalogInstallTests {
    let directory: TemporaryDirectory
    let writer: CatalogWriter

    init() throws {
        directory = try TemporaryDirectory()
        writer = CatalogWriter(
            CatalogDirectory("\(directory.path)/catalog.d", libraries: "\(directory.path)/lib"),
            quarantine: Quarantine(path: "\(directory.path)/quarantine")
        )
    }

    /// `lamina --probe`, from beside the running tests.
    static let helper: [String] = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return [own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/lamina", "--probe"]
    }()

    var catalog: Catalog { Catalog(directories: [writer.directory]) }

    func install(_ library: String, seconds: Int64 = 60) throws -> [Manifest] {
        try writer.install(library, helper: Self.helper, timeout: seconds * 1_000_000_000)
    }

    @Test(
        "SHA-256 agrees with the standard's examples",
        arguments: [
            ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
            ("a", 100_000, "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee"),
        ]
    )
    func digests(text: String, times: Int, expected: String) {
        let bytes = Array(String(repeating: text, count: times).utf8)
        #expect(SHA256.hexadecimal(of: bytes) == expected)
        var pieces = SHA256()
        for start in stride(from: 0, to: bytes.count, by: 61) {
            pieces.update(Array(bytes[start..<min(start + 61, bytes.count)]))
        }
        #expect(pieces.hexadecimal() == expected)
    }

    @Test("Installing copies, probes and pins; removing leaves nothing")
    func installs() throws {
        let library = try directory.plugin()
        let manifests = try install(library)
        #expect(manifests.map(\.name) == ["fixture"])
        #expect(manifests[0].entries == ["open", "close", "send"])
        #expect(manifests[0].library.hasPrefix("\(directory.path)/lib/plugin-"))
        #expect(manifests[0].sha256 == SHA256.hexadecimal(of: try readAll(library)))
        unlink(library)
        let entry = try catalog.entry(named: "fixture")
        #expect(entry.state == .available)
        #expect(entry.manifest == manifests[0])
        #expect(try Library.load(entry).providers.map(\.name) == ["fixture"])

        #expect(throws: LaminaError.self) { try writer.remove("fixtur") }
        try writer.remove("fixture")
        #expect(catalog.entries.isEmpty)
        #expect(try writer.log().records.map(\.action) == ["remove", "install"])
        #expect(try writer.log().records.last?.origin == library)
    }

    @Test("Extensions that a provider declares stand in the installed manifest, and are checked before")
    func extensions() throws {
        let manifest = try install(try directory.plugin("EXTENSION"))[0]
        let file = "\(directory.path)/catalog.d/fixture.json"
        let written = try JSON(parsing: try readAll(file), named: file)["extensions"]
        let expected: JSON = [
            [
                "uuid": "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5", "name": "counter",
                "dispatch": ["uint64_t sent(void *context)", "uint32_t size"],
                "client": ["void closed(void *context, uint64_t sent)"],
            ]
        ]
        #expect(written == expected, "\(written?.text() ?? "-")")
        #expect(try catalog.entry(named: "fixture").manifest?.extensions == manifest.extensions)
        #expect(manifest.extensions.count == 1)
        let error = #expect(throws: LaminaError.self) { try install(try directory.plugin("BAD_EXTENSION")) }
        #expect(
            error?.description.contains("provider \"fixture\": extensions[0]") == true,
            "\(error?.description ?? "")"
        )
    }

    @Test("Installing another file of the same name replaces it")
    func replaces() throws {
        let first = try install(try directory.plugin())[0].library
        let second = try install(try directory.plugin("REFUSE_INSTANCE"))[0].library
        #expect(first != second)
        #expect(try catalog.entry(named: "fixture").library == second)
        #expect(try catalog.entry(named: "fixture").isAvailable)
    }

    @Test("A pinned library that changed is refused, and one that was only touched is not")
    func pins() throws {
        let copy = try install(try directory.plugin())[0].library
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        utimensat(AT_FDCWD, copy, &times, 0)
        #expect(try catalog.entry(named: "fixture").state == .available)
        var bytes = try readAll(copy)
        bytes.append(0)
        try directory.write(bytes, to: String(copy.dropFirst(directory.path.count + 1)))
        let reason = try catalog.entry(named: "fixture").reason
        #expect(reason?.contains("its content is not what was installed") == true)
    }

    @Test(
        "A plug-in that crashes or hangs is one line, and nothing is installed",
        arguments: [
            ("CRASH_IN_CONSTRUCTOR", "crashed while it was loaded (a constructor) with signal 11 (Segmentation fault)"),
            ("CRASH_IN_STARTUP", "crashed in lamina_startup with signal 7 (Bus error)"),
            ("CRASH_IN_INSTANTIATE", "crashed in instantiate with signal 4 (Illegal instruction)"),
            ("EXIT_IN_STARTUP", "ended the process in lamina_startup with status 0"),
            ("HANG_IN_CONSTRUCTOR", "did not return while it was loaded (a constructor) within 2s"),
            ("HANG_IN_STARTUP", "did not return in lamina_startup within 2s"),
            ("FAIL_IN_STARTUP", "lamina_startup failed: No such device"),
            ("FOREIGN_POINTER", "provider \"fixture\": entry send: points outside the plug-in's own code"),
            ("NO_STARTUP", "has no symbol lamina_startup"),
        ]
    )
    func refuses(macro: String, message: String) throws {
        let library = try directory.plugin(macro)
        let error = #expect(throws: LaminaError.self) {
            try install(library, seconds: macro.hasPrefix("HANG") ? 2 : 60)
        }
        #expect(error?.description.hasPrefix("\(library): \(message)") == true, "\(error?.description ?? "installed")")
        #expect(catalog.entries.isEmpty)
        #expect(try run(["sh", "-c", "test -z \"$(ls \(directory.path)/lib)\""]) == 0)
    }

    @Test("A provider that needs a setting can be installed")
    func refusingInstance() throws {
        #expect(try install(try directory.plugin("REFUSE_INSTANCE")).map(\.entries) == [[]])
    }

    @Test("Disabling hides another directory's provider, with the reason")
    func disables() throws {
        try directory.plugin()
        try directory.manifest("trace", in: "package")
        let package = CatalogDirectory("\(directory.path)/package")
        try writer.disable("trace", because: "too loud", in: Catalog(directories: [package]))
        #expect(throws: LaminaError.self) {
            try Catalog(directories: [package, writer.directory]).manifest(named: "trace")
        }
        #expect(try Catalog(directories: [package]).manifest(named: "trace").name == "trace")
    }
}
