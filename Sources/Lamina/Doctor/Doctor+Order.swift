extension Doctor {
    /// What makes providers impossible to put together. Chains and policies have rules of their own.
    static let orderRules: [Rule] = [
        Rule("D11", .fault, "two providers with one UUID") { rule, examination in
            var first: [String: CatalogEntry] = [:]
            return examination.sound.compactMap { entry in
                guard let uuid = entry.manifest?.uuid.lowercased(), !uuid.isEmpty else { return nil }
                guard let other = first[uuid] else {
                    first[uuid] = entry
                    return nil
                }
                let file = examination.file(of: entry)
                return Finding(
                    rule,
                    file,
                    "has the UUID \(uuid) of \"\(other.name)\"; one of them is a copy",
                    command: "lamina disable \(examination.option(for: file)) \(entry.name)",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
        Rule("D12", .fault, "a provider that requires one that nobody provides") { rule, examination in
            let names = Set(examination.sound.map(\.name))
            return examination.sound.compactMap { entry in
                let missing = (entry.manifest?.requires ?? []).filter { !names.contains($0) }
                guard !missing.isEmpty else { return nil }
                let file = examination.file(of: entry)
                return Finding(
                    rule,
                    file,
                    "requires \(missing.joined(separator: ", ")), which can't be used or isn't installed",
                    command: "lamina disable \(examination.option(for: file)) \(entry.name)",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
        Rule("D13", .fault, "manifests whose before and after make a cycle") { rule, examination in
            Cycles(in: examination.sound.compactMap(\.manifest)).found.map { cycle in
                let last = examination.sound.first { $0.name == cycle.last }
                let file = last.map { examination.file(of: $0) } ?? ""
                return Finding(
                    rule,
                    file,
                    "before and after make a cycle: \((cycle + cycle.prefix(1)).joined(separator: " above "))",
                    command: "lamina disable \(examination.option(for: file)) \(cycle.last ?? "")",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
    ]
}

/// The cycles that `before` and `after` make; of those that share a provider, one.
private struct Cycles {
    private(set) var found: [[String]] = []
    private let below: [String: [String]]
    private var isDone: [String: Bool] = [:]

    init(in manifests: [Manifest]) {
        let names = Set(manifests.map(\.name))
        var below: [String: [String]] = [:]
        for manifest in manifests {
            for name in manifest.before where names.contains(name) { below[manifest.name, default: []].append(name) }
            for name in manifest.after where names.contains(name) { below[name, default: []].append(manifest.name) }
        }
        self.below = below
        for name in names.sorted() { visit(name) }
    }

    /// Walks down from a provider with the path kept by hand, for manifests may make it long.
    private mutating func visit(_ start: String) {
        guard isDone[start] == nil else { return }
        var path: [(name: String, rest: ArraySlice<String>)] = [(start, (below[start] ?? [])[...])]
        isDone[start] = false
        while let last = path.indices.last {
            guard let next = path[last].rest.popFirst() else {
                isDone[path[last].name] = true
                path.removeLast()
                continue
            }
            if isDone[next] == nil {
                isDone[next] = false
                path.append((next, (below[next] ?? [])[...]))
            } else if isDone[next] == false, next != path[last].name,
                let begin = path.firstIndex(where: { $0.name == next })
            {
                found.append(path[begin...].map(\.name))
            }
        }
    }
}
