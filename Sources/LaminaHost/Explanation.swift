import Glibc
public import Lamina

/// What `lamina run` would do with a program, and why, without running anything: what `lamina explain` shows.
public struct Explanation: Sendable {
    /// What a run would do with the program.
    public enum Verdict: Sendable, Equatable {
        /// This back end carries it.
        case carried(by: BackEnd)
        /// It is refused, with this reason.
        case refused(String)
    }

    /// The program as it was named.
    public let program: String
    /// Its file; nil where it isn't found.
    public let path: String?
    /// What a run would do with it.
    public let verdict: Verdict
    /// What policies know it by.
    public let identity: ProgramIdentity
    /// The chain that it gets.
    public let chain: ChainExplanation

    /// Explains a run of a program. `change` may alter what policies know the program by, to ask what if: its name, user
    /// or unit. `helper` probes layers that are named by their path (see `Probe.run`). Blocks for files and the child.
    public init(
        of program: String,
        choosing request: ChainSelection.Request = ChainSelection.Request(),
        catalog: Catalog = Catalog(),
        helper: [String]? = nil,
        as change: (inout ProgramIdentity) -> Void = { _ in }
    ) {
        self.program = program
        var found: String?
        do throws(LaunchFailure) {
            let path = try ProgramFile.find(program)
            found = path
            verdict = .carried(by: try ProgramCoverage(of: path, wanted: nil).backEnd)
        } catch {
            verdict = .refused(error.message)
        }
        path = found
        var identity = Run.identity(of: program, name: nil)
        change(&identity)
        self.identity = identity
        let selection = ChainSelection(request, for: identity, in: catalog, lookingEverywhere: true)
        chain = ChainExplanation(selection, in: catalog, helper: helper)
    }

    /// What comes of a kind of socket in a run of the program.
    func consequence(for socket: ChainExplanation.Socket) -> String {
        switch (socket.kind, socket.effect) {
        case (.tcp, .none): "no hop: the program's own socket is connected, and its data calls run at native speed"
        case (.tcp, _) where socket.handshakes:
            "no hop for a blocking connect: the layers speak on the program's own socket until it is connected; others "
                + "are pumped"
        case (.tcp, _): "pumped: the program's socket is connected to a worker over loopback, which runs the chain"
        case (.udp, _):
            "not carried by a run: datagrams go to name servers on this machine alone; in the API, "
                + socket.consequence
        case (.unix, _):
            "not carried by a run: the program's own Unix sockets are left alone; in the API, "
                + socket.consequence
        }
    }
}

extension Explanation {
    /// The explanation as lines for people.
    public var text: String {
        var lines = ["\(program)" + (path.map { $0 == program ? "" : ": \($0)" } ?? "")]
        switch verdict {
        case .carried(let backEnd): lines.append("Under lamina run: carried by the back end \(backEnd.rawValue)")
        case .refused(let reason): lines.append("Under lamina run: refused: \(reason)")
        }
        var known = ["user \(identity.user)"]
        if let unit = identity.unit {
            known.append("unit \(unit)" + (identity.isSystemService ? ", a system service" : ""))
        }
        if let name = identity.name { known.append("name \(name)") }
        lines.append("Policies know it by " + (identity.paths.map { "path \($0)" } + known).joined(separator: "; "))
        return lines.joined(separator: "\n") + "\n" + chain.text(consequence)
    }

    /// The explanation with everything in it.
    public var json: JSON {
        var object = JSON.Object()
        object["program"] = .string(program)
        object["path"] = path.map { .string($0) } ?? .null
        switch verdict {
        case .carried(let backEnd): object["back-end"] = .string(backEnd.rawValue)
        case .refused(let reason): object["refusal"] = .string(reason)
        }
        object["identity"] = [
            "name": identity.name.map { .string($0) } ?? .null,
            "paths": .array(identity.paths.map { .string($0) }),
            "unit": identity.unit.map { .string($0) } ?? .null,
            "system-service": .bool(identity.isSystemService),
            "user": .integer(Int64(identity.user)),
        ]
        for (key, value) in chain.object(consequence).objectValue?.members ?? [] { object[key] = value }
        return .object(object)
    }
}
