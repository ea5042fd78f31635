import CLinux
import Glibc
public import Lamina

/// A run of this user, as another process sees it: what `lamina ps`, `set`, `off` and `on` ask. Everything here blocks, for
/// as long as the run takes to answer.
public final class RunHandle {
    /// How long a run may take to answer, in milliseconds. Its own limit for its worker is shorter.
    private static let patience: Int32 = 8000

    /// The run's name.
    public let name: String
    private let descriptor: Int32
    private var incoming: [UInt8] = []

    private init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// All runs of this user, by name. Sockets that killed ones have left are removed. `path`: the directory with the
    /// sockets, where it isn't the user's own.
    public static func all(in path: String? = nil) throws(LaminaError) -> [RunHandle] {
        let directory = try RunDirectory.standard(or: path)
        var stale: [String] = []
        var runs: [RunHandle] = []
        for name in directory.names {
            switch UnixSocket.connect(directory.socket(of: name)) {
            case .success(let descriptor): runs.append(RunHandle(name: name, descriptor: descriptor))
            case .failure(let error): if error.code == ECONNREFUSED { stale.append(name) }
            }
        }
        if !stale.isEmpty {
            try directory.locked { for name in stale { _ = directory.removeStale(name) } }
        }
        return runs
    }

    /// The names of all runs, for completion; empty where there is no way to know.
    public static var names: [String] { (try? all())?.map(\.name) ?? [] }

    /// The run of this name. `path`: the directory with the sockets, where it isn't the user's own.
    public init(named name: String, in path: String? = nil) throws(LaminaError) {
        self.name = name
        let directory = try RunDirectory.standard(or: path)
        let socket = name.utf8.contains(UInt8(ascii: "/")) ? nil : directory.socket(of: name)
        switch socket.map(UnixSocket.connect(_:)) {
        case .success(let descriptor)?: self.descriptor = descriptor
        case .failure?, nil:
            let names = try RunHandle.all(in: path).map(\.name)
            throw LaminaError(
                .notFound,
                "run \"\(name)\"",
                "there is none",
                remedy: names.isEmpty
                    ? "nothing runs; lamina run starts something"
                    : Suggestion.remedy(
                        for: name,
                        among: names,
                        otherwise: "there are \(names.joined(separator: ", "))"
                    )
            )
        }
    }

    /// What the run is and does (`list`).
    public func status() throws(LaminaError) -> RunStatus {
        try ask(["command": "list"])
        return RunStatus(try answer()["run"] ?? .null)
    }

    /// Asks for the status without waiting for it; `statusAsked` takes the answer. So many runs can be asked at once.
    public func askStatus() throws(LaminaError) { try ask(["command": "list"]) }

    /// The answer to `askStatus`.
    public func statusAsked() throws(LaminaError) -> RunStatus { RunStatus(try answer()["run"] ?? .null) }

    /// Changes settings of a layer, each written `key=value` as on a layer's command line; of how many open sockets. A
    /// file (`@FILE`) and a variable (`env:NAME`) are this process's.
    public func set(_ layer: String, _ settings: [String]) throws(LaminaError) -> Int {
        let subject = "run \"\(name)\": layer \"\(layer)\""
        var object = JSON.Object()
        for setting in settings {
            guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
                throw LaminaError(.invalidArgument, subject, "\"\(setting)\" is no setting", remedy: "write key=value")
            }
            let key = String(setting[..<equals])
            let value = JSON.string(try own(String(setting[setting.index(after: equals)...]), subject, key))
            object[key] = object[key].map { .array(($0.arrayValue ?? [$0]) + [value]) } ?? value
        }
        try ask(["command": "set", "layer": .string(layer), "settings": .object(object)])
        return Int(try answer()["sockets"]?.integerValue ?? 0)
    }

    /// Switches a layer off or on; on how many open sockets that acted, and on how many it could not.
    public func setLayer(_ layer: String, isOn: Bool) throws(LaminaError) -> (changed: Int, kept: Int) {
        try ask(["command": .string(isOn ? "on" : "off"), "layer": .string(layer)])
        let reply = try answer()
        return (Int(reply["sockets"]?.integerValue ?? 0), Int(reply["kept"]?.integerValue ?? 0))
    }

    /// A value as the run is to read it: its working directory and its environment are others.
    private func own(_ value: String, _ subject: String, _ key: String) throws(LaminaError) -> String {
        if value.hasPrefix("@"), !value.hasPrefix("@/"), !value.hasPrefix("@\"") {
            var room = [CChar](repeating: 0, count: Int(PATH_MAX))
            guard getcwd(&room, room.count) != nil else { return value }
            let directory = room.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
            return "@\(directory)/\(value.dropFirst())"
        }
        guard value.hasPrefix("env:") else { return value }
        let variable = String(value.dropFirst(4))
        guard let text = getenv(variable).map({ String(cString: $0) }) else {
            throw LaminaError(
                .invalidSetting,
                "\(subject): \(key)",
                "the environment has no \(variable)",
                remedy: "export \(variable)"
            )
        }
        let escaped = text.reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : "\($1)" }
        return "\"\(escaped)\""
    }

    // MARK: - Lines

    private func ask(_ request: JSON) throws(LaminaError) {
        var line = Array(request.text().utf8) + [UInt8(ascii: "\n")]
        while !line.isEmpty {
            let count = clinux_send(descriptor, line, line.count)
            if count == -Int(EAGAIN) {
                try wait(POLLOUT)
            } else if count < 0 {
                throw LaminaError(.closed, "run \"\(name)\"", "has ended")
            } else {
                line.removeFirst(count)
            }
        }
    }

    /// The next reply. Throws what the run refused.
    private func answer() throws(LaminaError) -> JSON {
        while true {
            if let end = incoming.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(incoming[..<end])
                incoming.removeFirst(end + 1)
                let reply = try JSON(parsing: line, named: "run \"\(name)\"")
                if reply["ok"] == true { return reply }
                let message = reply["error"]?["message"]?.stringValue ?? "has refused"
                throw LaminaError(.refused, "run \"\(name)\"", message)
            }
            var room = [UInt8](repeating: 0, count: 64 << 10)
            let count = clinux_receive(descriptor, &room, room.count)
            if count > 0 {
                incoming += room[..<count]
            } else if count == -Int(EAGAIN) {
                try wait(POLLIN)
            } else if count != -Int(EINTR) {
                throw LaminaError(.closed, "run \"\(name)\"", "has ended")
            }
        }
    }

    private func wait(_ event: Int32) throws(LaminaError) {
        var waiting = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        if poll(&waiting, 1, RunHandle.patience) == 0 {
            throw LaminaError(.timedOut, "run \"\(name)\"", "doesn't answer; is it stopped?")
        }
    }
}
