import Glibc

/// A systemd service as its files say, and the drop-in that starts its programs through `lamina run`.
public struct SystemdUnit: Sendable, Equatable {
    /// The unit's name.
    public let name: String
    /// The files that it comes from, in the order in which systemd reads them; empty where there is none.
    public let files: [String]
    /// The values of its `ExecStart=` lines, after those that reset them.
    public let commands: [String]
    /// The value of its `Type=`; nil where nothing says it.
    public let type: String?
    /// Whether its file is a link to `/dev/null`.
    public let isMasked: Bool

    /// Where units are, from the most to the least important.
    private static let folders = [
        "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ]
    /// The name of Lamina's own drop-in, which counts for nothing here.
    static let dropIn = "lamina.conf"

    /// Reads a unit below `root`, which is `/` where it is empty. Nothing is missing that systemd would find in its system
    /// folders: the unit or its template, and the drop-ins of both, of the name's beginnings and of all services. Blocks
    /// for files.
    public init(_ name: String, root: String = "") {
        self.name = name
        var files: [String] = []
        let names = [name, Self.template(of: name)].compactMap { $0 }
        let candidates: [String] = names.flatMap { name in Self.folders.map { "\(root)\($0)/\(name)" } }
        let fragment = candidates.first { access($0, F_OK) == 0 }
        isMasked = fragment.flatMap(File.resolved) == "/dev/null"
        if let fragment, !isMasked { files = [fragment] + Self.dropIns(of: names, root: root) }
        self.files = files
        var section = UnitSection()
        for file in files {
            guard let bytes = try? File.read(file, limit: 1 << 20).bytes else { continue }
            section.read(String(decoding: bytes, as: UTF8.self))
        }
        commands = section.commands
        type = section.type
    }

    /// `NAME@.service` for `NAME@INSTANCE.service`.
    private static func template(of name: String) -> String? {
        guard let at = name.firstIndex(of: "@"), let dot = name.lastIndex(of: "."), at < dot else { return nil }
        let template = "\(name[...at])\(name[dot...])"
        return template == name ? nil : template
    }

    /// The drop-ins by file name, of several of one name the one in the most important folder.
    private static func dropIns(of names: [String], root: String) -> [String] {
        var owners = names
        for name in names {
            guard let dot = name.lastIndex(of: ".") else { continue }
            let parts = name[..<dot].split(separator: "-", omittingEmptySubsequences: false)
            for count in stride(from: parts.count - 1, to: 0, by: -1) {
                owners.append(parts[..<count].joined(separator: "-") + "-" + name[dot...])
            }
        }
        owners.append("service")
        var found: [String: String] = [:]
        for owner in owners {
            for folder in folders {
                let path = "\(root)\(folder)/\(owner).d"
                for name in (try? File.names(in: path, endingIn: ".conf")) ?? [] where found[name] == nil {
                    found[name] = "\(path)/\(name)"
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value).filter { File.name(of: $0) != dropIn }
    }
}

extension SystemdUnit {
    /// The drop-in's path.
    public var dropInPath: String { "/etc/systemd/system/\(name).d/\(Self.dropIn)" }

    /// The drop-in: each of the unit's commands through `lamina run`, named by the unit's name. It names no layer, so that what
    /// the unit's policy says counts at each start.
    ///
    /// `command` is the path of the `lamina` command. Where the unit has no command, or isn't there, this is a
    /// template with a place for the command, and its first line says so.
    public func dropIn(command: String) -> String {
        var lines = [
            "# Starts \(name) through Lamina; the policies for unit:\(name) and name:\(name) say on which layers."
        ]
        if isMasked {
            lines.append("# The unit is masked; this has no effect before: systemctl unmask \(name)")
        } else if files.isEmpty {
            lines.append("# The unit was not found: put its command in the place of PROGRAM ARGUMENTS.")
        } else if commands.isEmpty {
            lines.append("# The unit has no ExecStart=: put its command in the place of PROGRAM ARGUMENTS.")
        }
        switch type {
        case "forking":
            lines.append(
                "# Type=forking: the program must be told to stay in the foreground, and Type= to be \"simple\"."
            )
        case "notify", "notify-reload":
            lines.append("# The program is a child of lamina's, and systemd is to hear it all the same.")
        default: break
        }
        lines.append("[Service]")
        if type == "notify" || type == "notify-reload" { lines.append("NotifyAccess=all") }
        lines.append("ExecStart=")
        let found = commands.isEmpty ? ["PROGRAM ARGUMENTS"] : commands
        for text in found { lines.append(contentsOf: wrapped(text, command)) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What is to be done with the drop-in, a line each.
    public func instructions(command: String) -> String {
        """
        \(dropInPath):
        \(dropIn(command: command))
        Then: systemctl daemon-reload && systemctl restart \(name)
        """
    }

    /// One command with its prefixes before Lamina's. `@` gives the program another name for itself, which a program
    /// under `lamina run` has not.
    private func wrapped(_ text: String, _ command: String) -> [String] {
        let prefixes = text.prefix { "-@+!:|".contains($0) }
        var rest = text.dropFirst(prefixes.count).drop { $0 == " " || $0 == "\t" }
        var lines: [String] = []
        if prefixes.contains("@") {
            let end = rest.firstIndex { $0 == " " || $0 == "\t" } ?? rest.endIndex
            let arguments = rest[end...].drop { $0 == " " || $0 == "\t" }
            let own = arguments.prefix { $0 != " " && $0 != "\t" }
            lines.append("# The unit calls the program \"\(own)\"; under Lamina it is called by its path.")
            rest = rest[..<end] + arguments.dropFirst(own.count)
        }
        let kept = prefixes.filter { $0 != "@" }
        lines.append("ExecStart=\(kept)\(Self.quoted(command)) run --name \(Self.quoted(name)) -- \(rest)")
        return lines
    }

    /// A word as systemd reads it unchanged.
    private static func quoted(_ word: String) -> String {
        let escaped = word.map { $0 == "%" ? "%%" : $0 == "$" ? "$$" : "\\\"".contains($0) ? "\\\($0)" : "\($0)" }
        return word.contains { " \t;\"'\\".contains($0) } ? "\"\(escaped.joined())\"" : escaped.joined()
    }
}

/// What the `[Service]` sections of a unit's files say, one after another.
private struct UnitSection {
    private(set) var commands: [String] = []
    private(set) var type: String?

    mutating func read(_ text: String) {
        var isService = false
        for line in Self.lines(of: text) {
            if line.hasPrefix("[") {
                isService = line == "[Service]"
                continue
            }
            guard isService, let equals = line.firstIndex(of: "=") else { continue }
            let value = Self.trimmed(line[line.index(after: equals)...])
            switch Self.trimmed(line[..<equals]) {
            case "ExecStart" where value.isEmpty: commands = []
            case "ExecStart": commands.append(String(value))
            case "Type": type = value.isEmpty ? nil : String(value)
            default: break
            }
        }
    }

    /// The lines with those that continue them, without comments, which may stand between the two.
    private static func lines(of text: String) -> [String] {
        var lines: [String] = []
        var open: String?
        for raw in text.split(whereSeparator: \.isNewline) {
            let line = trimmed(raw)
            if line.isEmpty || line.first == "#" || line.first == ";" { continue }
            let isContinued = line.last == "\\"
            let part = String(isContinued ? trimmed(line.dropLast()) : line)
            let whole = open.map { "\($0) \(part)" } ?? part
            open = isContinued ? whole : nil
            if !isContinued { lines.append(whole) }
        }
        return lines + [open].compactMap { $0 }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
