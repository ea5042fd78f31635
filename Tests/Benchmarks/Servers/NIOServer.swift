import CLinux
import Glibc
import Lamina
import TestSupport

/// The services on SwiftNIO: a program from a package of its own, started on the servers' processor.
final class NIOServer: Server, @unchecked Sendable {
    // `input` is the owner's.
    private let process: pid_t
    private let input: Int32
    private let ports: [Service: UInt16]

    /// How the program is built; its path is in `program`.
    static let buildCommand =
        "swift build -c release --package-path Tests/Benchmarks/SwiftNIO --scratch-path .build/swift-nio"

    /// Where that puts the program.
    static let program = "\(PackageTree.root)/.build/swift-nio/release/NIOServer"

    /// Starts the program. Throws `notFound` where it has not been built.
    init() throws {
        guard access(Self.program, X_OK) == 0 else {
            throw LaminaError(.notFound, Self.program, "is missing", remedy: Self.buildCommand)
        }
        var toProgram: [Int32] = [-1, -1]
        var fromProgram: [Int32] = [-1, -1]
        guard pipe(&toProgram) == 0, pipe(&fromProgram) == 0 else { throw RawPair.error("pipe") }
        for descriptor in [toProgram[1], fromProgram[0]] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        (input, process) = (toProgram[1], try Self.spawn(toProgram[0], fromProgram[1]))
        close(toProgram[0])
        close(fromProgram[1])
        defer { close(fromProgram[0]) }
        ports = try Self.ports(fromProgram[0])
    }

    private static func spawn(_ input: Int32, _ output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        let name = strdup(program)
        defer { free(name) }
        // A process begins on the processors of the thread that started it.
        Processors.pin(to: 0)
        defer { Processors.pin(to: Processors.allowed.count - 1) }
        var process: pid_t = 0
        let failure = posix_spawn(&process, program, &actions, nil, [name, nil], environ)
        guard failure == 0 else { throw BenchmarkError("\(program): \(String(cString: strerror(failure)))") }
        return process
    }

    /// Reads lines of a service and its port until the program is ready.
    private static func ports(_ output: Int32) throws -> [Service: UInt16] {
        guard let file = fdopen(dup(output), "r") else { throw RawPair.error("fdopen") }
        defer { fclose(file) }
        var ports: [Service: UInt16] = [:]
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let words = text.split(separator: " ")
            if words == ["ready"] { return ports }
            guard words.count == 2, let service = Service(rawValue: String(words[0])), let port = UInt16(words[1])
            else { break }
            ports[service] = port
        }
        throw BenchmarkError("\(program): didn't say its ports")
    }

    func port(of service: Service) -> UInt16 { ports[service] ?? 0 }

    func stop() {
        close(input)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}
