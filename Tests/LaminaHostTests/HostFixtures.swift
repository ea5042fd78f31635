import CLinux
import Glibc
import Testing

/// The programs that these tests run.
enum HostFixtures {
    /// What the package's products are built into.
    static let products: String = {
        let maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        defer { close(maps) }
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65536)
        while case let count = read(maps, &bytes, bytes.count), count > 0 { text += bytes.prefix(count) }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasSuffix(".xctest") {
            if let start = line.firstIndex(of: "/"), let end = line.lastIndex(of: "/") {
                return String(line[start..<end])
            }
        }
        return "."
    }()

    /// The client, linked to libc and without it.
    static let client = compile("client", [])
    static let staticClient = compile("client", ["-static"])

    private static let directory: String = {
        var template = Array("/tmp/lamina-host-XXXXXX".utf8CString)
        return mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }()

    /// A path that nothing else uses.
    static func path(_ name: String) -> String { "\(directory)/\(name)" }

    private static func compile(_ name: String, _ options: [String]) -> String {
        let folder = #filePath.prefix { _ in true }.split(separator: "/").dropLast().joined(separator: "/")
        let program = path(name + options.joined())
        do {
            let source = "/\(folder)/Fixtures/\(name).c"
            let compiler = try Child(["/usr/bin/cc", "-O1", "-w", "-o", program, source] + options)
            let ending = compiler.end()
            #expect(ending.code == 0, "\(ending.errors)")
        } catch {
            Issue.record(error)
        }
        return program
    }

    /// Starts a program in a run.
    static func start(_ effect: String, _ program: [String], environment: [String] = []) throws -> Child {
        try Child(["\(products)/HostDriver", effect] + program, environment: environment)
    }

    /// Runs a program in a run, to its end.
    static func run(_ effect: String, _ program: [String], environment: [String] = []) throws -> Child.Ending {
        try start(effect, program, environment: environment).end()
    }
}
