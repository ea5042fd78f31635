import CLinux
import Glibc
import Lamina
import TestSupport

/// A server in a process of its own, on the servers' processor. It writes a line for each service, its name and its port,
/// then `ready`, and serves until its standard input ends.
final class ServerProcess {
    private let process: pid_t
    private let input: Int32
    private let ports: [Service: UInt16]

    init(_ program: String, _ arguments: [String] = []) throws {
        var toProgram: [Int32] = [-1, -1]
        var fromProgram: [Int32] = [-1, -1]
        guard pipe(&toProgram) == 0, pipe(&fromProgram) == 0 else { throw RawPair.error("pipe") }
        for descriptor in toProgram + fromProgram { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer { for descriptor in [toProgram[0], fromProgram[1]] { close(descriptor) } }
        process = try Self.spawn([program] + arguments, toProgram[0], fromProgram[1])
        input = toProgram[1]
        close(fromProgram[1])
        fromProgram[1] = -1
        ports = try Self.ports(fromProgram[0], of: program)
    }

    private static func spawn(_ command: [String], _ input: Int32, _ output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        let words = command.map { strdup($0) }
        defer { words.forEach { free($0) } }
        // A process begins on the processors of the thread that started it.
        Processors.pin(to: 0)
        defer { Processors.pin(to: Processors.allowed.count - 1) }
        var process: pid_t = 0
        let failure = posix_spawn(&process, command[0], &actions, nil, words + [nil], environ)
        guard failure == 0 else { throw BenchmarkError("\(command[0]): \(String(cString: strerror(failure)))") }
        return process
    }

    private static func ports(_ output: Int32, of program: String) throws -> [Service: UInt16] {
        guard let file = fdopen(output, "r") else { throw RawPair.error("fdopen") }
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

    /// Ends it. Its clients have closed their connections.
    func stop() {
        close(input)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}

extension ServerKind {
    /// Serves in this process, as `ServerProcess` expects it, until standard input ends.
    func serve() throws {
        let server = try make()
        for service in Service.allCases { print(service.rawValue, server.port(of: service)) }
        print("ready")
        fflush(nil)
        while readLine() != nil {}
        server.stop()
    }

    /// Starts this program once more, to serve.
    func start() throws -> ServerProcess {
        guard let program = OriginStorage.executablePath(of: getpid()) else {
            throw BenchmarkError("/proc/self/exe: names no program")
        }
        return try ServerProcess(program, ["--serve", rawValue])
    }
}

/// The services on SwiftNIO, from a package of its own.
enum SwiftNIOServer {
    /// How the program is built.
    static let buildCommand =
        "swift build -c release --package-path Tests/Benchmarks/SwiftNIO --scratch-path .build/swift-nio"

    /// Where that puts the program.
    private static let program = "\(PackageTree.root)/.build/swift-nio/release/NIOServer"

    /// Starts the program. Throws `notFound` where it has not been built.
    static func start() throws -> ServerProcess {
        guard access(program, X_OK) == 0 else {
            throw LaminaError(.notFound, program, "is missing", remedy: buildCommand)
        }
        return try ServerProcess(program)
    }
}
