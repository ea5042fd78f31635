import Glibc
import TestSupport
import Testing

/// Programs that run with more rights than their caller. The tests that need such a program make one as root, and use
/// it as nobody; others than root skip them.
@Suite("Rights that a caller doesn't have")
struct PrivilegeTests {
    /// Runs what follows as nobody.
    private static let asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    private static let isRoot = getuid() == 0

    /// A place that everyone may read, with the installed tree in `tree`.
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        chmod(directory.path, 0o755)
        let copied = try Child.run(["cp", "-r", PackageTree.prefix, "\(directory.path)/tree"])
        #expect(copied.code == 0, "\(copied.errors)")
    }

    private func build(_ fixture: String, _ options: String...) throws -> String {
        let source = "\(PackageTree.root)/Tests/LaminaCLITests/Fixtures/\(fixture).c"
        let program = "\(directory.path)/\(fixture)"
        let built = try Child.run(["cc", source, "-o", program] + options)
        try #require(built.code == 0, "\(built.errors)")
        return program
    }

    private func run(_ program: String) throws -> Child.Ending {
        try Child.run(Self.asNobody + ["\(directory.path)/tree/bin/lamina", "run", "-q", "--", program, "--help"])
    }

    @Test("A setuid, a setgid program and one with file capabilities are refused", .enabled(if: isRoot, "needs root"))
    func refused() throws {
        let program = "\(directory.path)/program"
        #expect(try Child.run(["cp", "/bin/true", program]).code == 0)
        #expect(try run(program).code == 0)
        func expectRefused(_ reason: String) throws {
            let ending = try run(program)
            #expect(ending.code == 125)
            #expect(ending.output.isEmpty)
            #expect(ending.complained(of: "\(program): it ", reason), "\(ending.errors)")
        }
        chmod(program, 0o4755)
        try expectRefused("runs with another's rights (setuid)")
        chmod(program, 0o2755)
        try expectRefused("runs with another's rights (setgid)")
        chmod(program, 0o755)
        let given = try Child.run([try build("capabilities"), program])
        try #require(given.code == 0, "\(given.errors)")
        try expectRefused("has file capabilities")
    }

    @Test("A setuid program takes no layer and no policy from its caller", .enabled(if: isRoot, "needs root"))
    func secure() throws {
        let tree = "\(directory.path)/tree"
        let program = try build(
            "catalog",
            "-I\(tree)/include/lamina",
            "-L\(tree)/lib",
            "-llamina",
            "-Wl,-rpath,\(tree)/lib"
        )
        try directory.plugin()
        chmod("\(directory.path)/plugin.so", 0o755)
        try directory.manifest("named", in: "given")
        try directory.manifest("owned", in: "home/.config/lamina/catalog.d")
        try directory.write(
            #"{"format": 1, "subject": "path:\#(program)", "layers": ["count"]}"#,
            to: "home/.config/lamina/catalog.d/policies/own.json"
        )
        let variables = [
            "LAMINA_CATALOG_PATH=\(directory.path)/given", "HOME=\(directory.path)/home", "PATH=/usr/bin:/bin",
        ]
        let plain = try Child.run(Self.asNobody + [program], environment: variables, alone: true)
        #expect(plain.code == 0, "\(plain.errors)")
        #expect(plain.lines.contains("secure 0"))
        for name in ["trace", "named", "owned"] { #expect(plain.lines.contains("entry \(name)"), "\(plain.output)") }
        #expect(plain.lines.last == "chain count kernel", "\(plain.output)")
        let asked = variables + ["LAMINA_LAYERS=trace"]
        let layered = try Child.run(Self.asNobody + [program], environment: asked, alone: true)
        #expect(layered.lines.last == "chain trace kernel", "\(layered.output)\(layered.errors)")
        chmod(program, 0o4755)
        let raised = try Child.run(Self.asNobody + [program], environment: asked, alone: true)
        // On a file system without setuid programs there is none to be seen.
        try #require(raised.lines.contains("secure 1"), "\(raised.output)")
        for name in ["named", "owned"] { #expect(!raised.lines.contains("entry \(name)"), "\(raised.output)") }
        // Neither layer is looked for, and the base only where the system has one.
        let isBare = raised.lines.last == "chain kernel" || raised.errors.hasPrefix("provider \"kernel\": is not in")
        #expect(isBare, "\(raised.output)\(raised.errors)")
    }
}
