extension ChainExplanation {
    /// The explanation as lines for people. `consequence` says what a socket's effect leads to; nil leaves what it leads to in
    /// a program that uses the API.
    public func text(_ consequence: ((Socket) -> String)? = nil) -> String {
        var lines = ["Chosen by \(selection.source)"]
        for candidate in selection.candidates {
            let mark = candidate.isChosen ? "*" : "-"
            lines.append("  \(mark) \(candidate.source): \(candidate.reason)" + Self.suffix(candidate.file))
        }
        for problem in selection.problems { lines.append("  ! \(problem)") }
        if let problem { lines.append("Can't be made: \(problem)") }
        for warning in warnings { lines.append("Warning: \(warning)") }
        if !levels.isEmpty { lines.append("Levels, from the program down") }
        for (place, level) in levels.enumerated() { lines += Self.lines(of: level, place: place + 1) }
        for socket in sockets { lines += self.lines(of: socket, consequence ?? \.consequence) }
        if !absent.isEmpty { lines.append("Installed, and not in the chain") }
        for item in absent { lines.append("  \(item.name): \(item.reason)" + Self.suffix(item.file)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func suffix(_ file: String?) -> String { file.map { " (\($0))" } ?? "" }

    private static func lines(of level: Level, place: Int) -> [String] {
        let name = level.label == level.name ? level.label : "\(level.label) (\(level.name))"
        var lines = ["  \(place). \(name)" + (level.manifest.map { ": \($0.inWords)" } ?? "")]
        lines += level.reasons.map { "     why here: \($0)" }
        lines += level.conditions.map { "     linked only \($0)" }
        if let problem = level.problem {
            lines.append("     \(level.isOptional ? "left out (required=no)" : "can't be used"): \(problem)")
        }
        // Facts that one file says stand in one line.
        var files: [String] = []
        for fact in level.facts where !files.contains(fact.file ?? "") { files.append(fact.file ?? "") }
        for file in files {
            let facts = level.facts.filter { ($0.file ?? "") == file }.map { "\($0.key) \($0.value)" }
            lines.append(
                "     \(file.isEmpty ? "a probe of the library" : file) says: \(facts.joined(separator: "; "))"
            )
        }
        return lines
    }

    private func lines(of socket: Socket, _ consequence: (Socket) -> String) -> [String] {
        let base = levels.last?.label ?? ""
        var lines = ["\(socket.kind.rawValue): \((["program"] + socket.labels + [base]).joined(separator: " > "))"]
        lines.append("  effect at most \(socket.effect.rawValue): \(consequence(socket))")
        for item in socket.absent { lines.append("  without \(item.label): \(item.reason)") }
        lines.append("  base: \(socket.baseReason)" + Self.suffix(baseFile))
        return lines
    }

    /// The file that says what the base serves.
    private var baseFile: String? { levels.last?.facts.first { $0.key == "kind" }?.file }

    /// The explanation with everything in it.
    public var json: JSON { object(nil) }

    /// The explanation with everything in it; `consequence` as in `text`.
    public func object(_ consequence: ((Socket) -> String)?) -> JSON {
        var object = JSON.Object()
        object["source"] = .string("\(selection.source)")
        object["candidates"] = .array(selection.candidates.map(\.json))
        if !selection.problems.isEmpty {
            object["policy-problems"] = .array(selection.problems.map { .string($0.description) })
        }
        if let problem { object["problem"] = .string(problem.description) }
        object["warnings"] = .array(warnings.map { .string($0) })
        object["levels"] = .array(levels.map(\.json))
        object["sockets"] = .array(sockets.map { $0.json(consequence ?? \.consequence) })
        object["absent"] = .array(
            absent.map { item in
                var object = JSON.Object()
                object["name"] = .string(item.name)
                object["reason"] = .string(item.reason)
                object["file"] = item.file.map { .string($0) }
                return .object(object)
            }
        )
        return .object(object)
    }
}

extension Manifest {
    /// Kind, phase with its Winsock category, and effect, in words.
    fileprivate var inWords: String {
        guard kind != .base else { return "base" }
        let category = phase.winsockCategory.map { "phase \(phase.rawValue) (\($0))" } ?? "no phase (uncategorised)"
        return "\(kind.rawValue), \(category), effect at most \(effect.rawValue)"
    }
}

extension ChainExplanation.Socket {
    /// What the effect leads to in a program that uses the API.
    public var consequence: String {
        switch effect {
        case .none: "data calls go straight to the base, and a descriptor is the base's own"
        case .observe, .transform:
            "data calls go through these levels, and a descriptor is one end of a connection with a pump in the process"
        }
    }

    fileprivate func json(_ consequence: (Self) -> String) -> JSON {
        var object = JSON.Object()
        object["socket"] = .string(kind.rawValue)
        object["levels"] = .array(labels.map { .string($0) })
        object["effect"] = .string(effect.rawValue)
        object["consequence"] = .string(consequence(self))
        object["without"] = .array(absent.map { ["label": .string($0.label), "reason": .string($0.reason)] })
        object["base"] = .string(baseReason)
        object["protocol"] = self.protocol?.json ?? .null
        return .object(object)
    }
}

extension ChainExplanation.Level {
    fileprivate var json: JSON {
        var object = JSON.Object()
        object["label"] = .string(label)
        object["name"] = .string(name)
        object["kind"] = manifest.map { .string($0.kind.rawValue) }
        object["phase"] = manifest.map { .string($0.phase.rawValue) }
        object["category"] = manifest?.phase.winsockCategory.map { .string($0) } ?? .null
        object["effect"] = manifest.map { .string($0.effect.rawValue) }
        object["reasons"] = .array(reasons.map { .string($0) })
        object["conditions"] = .array(conditions.map { .string($0) })
        object["facts"] = .array(
            facts.map { fact in
                [
                    "key": .string(fact.key), "value": .string(fact.value),
                    "file": fact.file.map { .string($0) } ?? .null,
                ]
            }
        )
        if let problem { object["problem"] = .string(problem.description) }
        return .object(object)
    }
}

extension ChainSelection.Candidate {
    fileprivate var json: JSON {
        [
            "source": .string("\(source)"), "chosen": .bool(isChosen), "reason": .string(reason),
            "file": file.map { .string($0) } ?? .null,
        ]
    }
}
