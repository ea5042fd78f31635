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
    static let client = program("client", [])
    static let staticClient = program("client-static", ["-static"])

    /// A layer that passes data on, so that sockets are pumped.
    static let passing = layer("nothing")
    /// A layer that connects elsewhere and touches no data; wants `port`.
    static let redirect = layer("redirect")

    private static let directory: String = {
        var template = Array("/tmp/lamina-host-XXXXXX".utf8CString)
        return mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }()

    /// A path that nothing else uses.
    static func path(_ name: String) -> String { "\(directory)/\(name)" }

    private static func program(_ name: String, _ options: [String]) -> String {
        compile("\(tests)/LaminaHostTests/Fixtures/client.c", to: name, options)
    }

    private static func layer(_ name: String) -> String {
        let headers = "\(tests)/../Sources/CLamina/include"
        return compile("\(tests)/Fixtures/layers/\(name).c", to: "\(name).so", ["-shared", "-fPIC", "-I", headers])
    }

    /// The folder of all tests.
    private static var tests: String { "/" + "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/") }

    private static func compile(_ source: String, to name: String, _ options: [String]) -> String {
        let made = path(name)
        do {
            let ending = try Child(["/usr/bin/cc", "-O1", "-w", "-o", made, source] + options).end()
            #expect(ending.code == 0, "\(ending.errors)")
        } catch {
            Issue.record(error)
        }
        return made
    }

    /// The layers of a run: none, or what they do to data.
    enum Effect: CaseIterable {
        case none, observe

        var layers: [String] { self == .none ? [] : [HostFixtures.passing] }
    }

    /// Starts a program in a run on these layers.
    static func start(_ layers: [String], _ program: [String], environment: [String] = []) throws -> Child {
        try Child(["\(products)/HostDriver"] + layers + ["--"] + program, environment: environment)
    }

    /// Runs a program on these layers, to its end.
    static func run(_ layers: [String], _ program: [String], environment: [String] = []) throws -> Child.Ending {
        try start(layers, program, environment: environment).end()
    }

    /// Runs a program on layers of this effect, to its end.
    static func run(_ effect: Effect, _ program: [String], environment: [String] = []) throws -> Child.Ending {
        try run(effect.layers, program, environment: environment)
    }
}
