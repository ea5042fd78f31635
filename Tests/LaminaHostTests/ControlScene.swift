import Glibc
import Lamina
import LaminaHost
import TestSupport
import Testing

/// A run with a connection to an echo server, and a directory for its control socket.
///
/// Its program sends each line that it reads and writes what comes back; after `again` it does so over a new connection.
final class ControlScene {
    let child: Child
    private let directory: TemporaryDirectory
    private let server: TestServer
    private var ending: Child.Ending?

    private static let script = """
        connect() { exec 3<>/dev/tcp/127.0.0.1/$1; echo echo >&3; echo connected $2; }
        connect $1
        while read line; do
            if [ "$line" = again ]; then connect $1 again; continue; fi
            echo "$line" >&3; read reply <&3; echo "reply $reply"
        done
        """

    /// Starts a run on these layers and waits until it is connected.
    init(_ layers: [String], in directory: TemporaryDirectory? = nil) throws {
        self.directory = try directory ?? TemporaryDirectory()
        server = try TestServer()
        child = try HostFixtures.start(
            layers,
            ["bash", "-c", Self.script, "bash", "\(server.port)"],
            environment: ["XDG_RUNTIME_DIR=\(self.directory.path)"]
        )
        try child.await("connected")
    }

    deinit {
        server.stop()
        if ending == nil { _ = child.killed() }
    }

    /// Sends a line and gives the line that came back.
    func exchange(_ line: String) -> String {
        child.write("\(line)\n")
        return (try? child.nextLine(beginning: "reply ")) ?? ""
    }

    /// Where its socket lies.
    var runDirectory: String { "\(directory.path)/lamina" }

    /// The run.
    func run() throws -> RunHandle { try RunHandle(named: "bash", in: runDirectory) }

    /// What the runs of a directory say.
    static func statuses(in directory: TemporaryDirectory) throws -> [RunStatus] {
        try RunHandle.all(in: "\(directory.path)/lamina").map { try $0.status() }
    }

    /// Lets the program end, and gives how it did.
    func finish() -> Child.Ending {
        let ending = child.end()
        self.ending = ending
        return ending
    }

    /// Lets the program end; its status.
    func end() -> Int32? { finish().code }

    /// What lies in the directory of the runs.
    static func files(in directory: TemporaryDirectory) throws -> [String] {
        guard let stream = opendir("\(directory.path)/lamina") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
