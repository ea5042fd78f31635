import Glibc
import LaminaHostsRules
import LaminaProvider

/// Static and wildcard answers to names, from settings and files.
struct Hosts: Layer, HasRules, Reconfigures, ConnectCalls, ResolveCalls, ReverseResolveCalls {
    static let map = Setting.texts(
        "map",
        live: true,
        help:
            "NAME=ADDRESS or ADDRESS|ADDRESS, NAME=OTHER.NAME, NAME=refuse or NAME=pass; *.NAME is every name below it"
    )
    static let files = Setting.paths(
        "file",
        live: true,
        help: "lines as in hosts(5), with wildcards, and refuse, pass or =OTHER.NAME as addresses"
    )
    static let about = LayerDescription(
        "hosts",
        summary: "static and wildcard answers to names, from settings and files",
        uuid: "8e0f4c52-1f3a-4a62-9c1b-0d7d2b6a5e43",
        phase: .redirector,
        categories: [.connection, .stream],
        onlyNames: true,
        settings: [map, files]
    )

    private let tables: LineSources<HostTable>

    init(_ level: Level) throws(Failure) {
        tables = try LineSources(level, list: level[Self.map], files: level[Self.files]) { table, text in
            table.add(map: text).map { "map: \"\(text)\" \($0)" }
        }
    }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) {
        try tables.change(list: level[Self.map], files: level[Self.files])
    }

    var ruleLines: [String] {
        NumberedLines.of(
            tables.contents.flatMap { file, table in table.lines.map { "\($0)  (\(file ?? "map"))" } },
            otherwise: "pass"
        )
    }

    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer {
        guard !question.isNumeric, let answer = answer(question.name) else { return next.resolve(question) }
        switch answer {
        case .fails(let errno): return next.fail(errno)
        case .goesOn(let name): return next.resolve(question, as: name)
        case .addresses(let addresses, let name): return next.answer(question, addresses, canonicalName: name)
        }
    }

    func reverseResolve(_ question: AddressQuestion, next: consuming Next<NoState>) -> Answer {
        guard !question.isNumeric, let host = Host(question.address), let name = tables.first({ $0.name(of: host) })
        else { return next.reverseResolve(question) }
        return next.answer(question, name)
    }

    /// Connects to names that came down unresolved.
    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        guard let asked = address.name, let answer = answer(asked) else { return next.connect(address, flags: flags) }
        switch answer {
        case .fails(let errno): return next.fail(errno == ENOENT ? ECONNREFUSED : errno)
        case .goesOn(let name):
            guard let place = Address(name: name, port: address.port) else { return next.fail(EINVAL) }
            return next.connect(place, flags: flags)
        case .addresses(var addresses, _):
            for index in addresses.indices { addresses[index].port = address.port }
            return next.connect(inTurn: addresses, flags: flags)
        }
    }

    // MARK: - What comes of a name

    private enum Outcome {
        /// Its addresses, and its name in full.
        case addresses([Address], String)
        /// The levels below are asked, by this name.
        case goesOn(String)
        /// It fails with a positive `errno`.
        case fails(Int32)
    }

    /// How many names may lead from one to the next.
    private static let mostAliases = 8

    /// What is said about a name. Nil: nothing, or that the levels below answer it.
    private func answer(_ text: String) -> Outcome? {
        guard let asked = ComparedName.of(text) else { return nil }
        var name = asked
        for _ in 0...Self.mostAliases {
            guard let entry = tables.first({ $0.find(name) }) else { return name == asked ? nil : .goesOn(name) }
            switch entry.rule {
            case .pass: return name == asked ? nil : .goesOn(name)
            case .refuse: return .fails(ENOENT)
            case .addresses(let addresses):
                return .addresses(addresses, entry.canonical.isEmpty ? name : entry.canonical)
            case .alias(let other): name = other
            }
        }
        return .fails(ELOOP)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Hosts.self) }
