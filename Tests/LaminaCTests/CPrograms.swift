import CLinux
import Glibc
import Testing

/// C programs, compiled against the headers and linked with the library that was built beside these tests.
enum CPrograms {
    /// How a command ended, and what it wrote to both streams.
    struct Ending {
        let code: Int32
        let text: String
    }

    /// What the package's products are built into: where these tests' own image lies.
    static let products = images().first { $0.hasSuffix(".xctest") }.map(folder) ?? "."
    /// The package.
    static let package = folder(folder(folder(#filePath)))
    static let headers = "\(package)/Sources/CLamina/include"
    static let library = "\(products)/libLaminaC.so"

    /// An installed tree, as far as these tests need one: libraries, plug-ins and manifests.
    static let prefix: String = {
        var template = Array("\(products)/c-tests-XXXXXX".utf8CString)
        let prefix = mkdtemp(&template).map { String(cString: $0) } ?? products
        let commands = [
            "mkdir -p lib/lamina share/lamina/catalog.d && cd lib",
            "ln -s \(library) liblamina.so.0 && ln -s liblamina.so.0 liblamina.so",
            "for n in Kernel Trace Count; do ln -s \(products)/libLamina$n.so lamina/",
            "cp \(package)/Plugins/$n/manifest.json ../share/lamina/catalog.d/$n.json; done",
            "echo '{' > ../share/lamina/catalog.d/broken.json",
        ]
        let ending = run("cd \(prefix) && " + commands.joined(separator: "; "))
        #expect(ending.code == 0, "\(ending.text)")
        atexit { _ = CPrograms.run("rm -rf \(CPrograms.prefix)") }
        return prefix
    }()

    /// The layer "gate".
    static let layer: String = {
        let path = "\(prefix)/lib.so"
        compile("layer.c", to: path, "-shared -fPIC")
        return path
    }()

    static let kernel = "\(products)/libLaminaKernel.so"

    /// Compiles a fixture into the tree.
    static func compile(_ source: String, to program: String, _ options: String, compiler: String = "gcc -std=gnu11") {
        let path = source.hasPrefix("/") ? source : "\(folder(#filePath))/Fixtures/\(source)"
        let ending = run("\(compiler) -Wall -Wextra -Werror -I\(headers) -o \(program) \(path) \(options)")
        #expect(ending.code == 0, "\(ending.text)")
    }

    /// Compiles a fixture that is linked with the library, and answers the program.
    static func linked(_ source: String, compiler: String = "gcc -std=gnu11", options: String = "") -> String {
        let name = source.split(separator: "/").last.map(String.init) ?? source
        let program = "\(prefix)/\(name)-\(compiler.prefix(3))"
        let link = "-L\(prefix)/lib -llamina -Wl,-rpath,\(prefix)/lib -pthread"
        compile(source, to: program, "\(options) \(link)", compiler: compiler)
        return program
    }

    /// Runs a command of the shell to its end, a minute at most.
    static func run(_ command: String) -> Ending {
        let quoted = command.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        guard let stream = popen("exec 2>&1; exec timeout 60 sh -c '\(quoted)'", "re") else {
            return Ending(code: -1, text: String(cString: strerror(errno)))
        }
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&bytes, 1, bytes.count, stream), count > 0 { text += bytes[..<count] }
        return Ending(code: clinux_exit_code(pclose(stream)), text: String(decoding: text, as: UTF8.self))
    }

    private static func folder(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private static func images() -> [String] {
        guard let maps = fopen("/proc/self/maps", "re") else { return [] }
        defer { fclose(maps) }
        var lines: [String] = []
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, Int32(line.count), maps) != nil {
            let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if let start = text.firstIndex(of: "/") { lines.append(String(text[start...])) }
        }
        return lines
    }
}
