import Glibc
import Lamina
import TestSupport
import Testing

/// A process that has sockets, hands them over and takes them, or tries to; see `Tests/HandoffDriver`.
final class HandoffProcess {
    private let child: Child
    private var asked = 0
    /// Its process id.
    var process: Int32 { child.process }

    init() throws {
        child = try Child(["\(PackageTree.products)/HandoffDriver"])
    }

    /// Says a command, without waiting for its answer.
    func say(_ command: String) {
        asked += 1
        child.write(command + "\n")
    }

    /// The answer to the last command.
    func answer() throws -> String { try child.line(beginning: "\(asked) ") }

    /// Says a command, and gives the answer.
    @discardableResult
    func ask(_ command: String) throws -> String {
        say(command)
        return try answer()
    }

    /// Opens a connection through layers over the kernel's sockets.
    func open(_ layers: String...) throws {
        let answer = try ask((["open", Plugin.product("Kernel")] + layers).joined(separator: " "))
        try #require(answer == "ok", "\(answer)")
    }

    /// A value for another process, or the refusal.
    func duplicate(for other: HandoffProcess, _ rest: String = "") throws -> String {
        try ask("duplicate \(other.process) \(rest)")
    }

    /// A value for another process of a socket of this one.
    static func value(_ info: ProtocolInfo) -> String {
        info.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Kills it.
    @discardableResult
    func kill() -> Child.Ending { child.killed() }

    /// Lets it end.
    @discardableResult
    func end() -> Child.Ending { child.end() }
}
