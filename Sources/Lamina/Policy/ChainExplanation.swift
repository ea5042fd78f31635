import CLamina
import Glibc

/// Which chain a program would get and why, from the catalog's files alone: nothing is loaded.
public struct ChainExplanation: Sendable {
    /// Something that a manifest says.
    public struct Fact: Sendable, Equatable {
        /// The manifest's key.
        public let key: String
        /// What it says.
        public let value: String
        /// The file that says it; nil where that is no file (a default, a probe).
        public let file: String?
    }

    /// One level of the chain.
    public struct Level: Sendable, Equatable {
        /// Its name in the chain.
        public let label: String
        /// The provider's name, or its path.
        public let name: String
        /// What the provider says; nil where nothing is known of it, and `problem` says why.
        public let manifest: Manifest?
        /// What of that matters here, each with its file.
        public let facts: [Fact]
        /// Why it stands where it stands, each a phrase.
        public let reasons: [String]
        /// When it is linked: each `when` and `except` as written.
        public let conditions: [String]
        /// Why it can't be used; nil where it can.
        public let problem: LaminaError?
        /// Whether the chain goes without it where it can't be used (`required=no`).
        public let isOptional: Bool
    }

    /// What one kind of socket gets.
    public struct Socket: Sendable, Equatable {
        /// A kind of socket.
        public enum Kind: String, Sendable, CaseIterable {
            /// Streams over IPv4 and IPv6.
            case tcp = "TCP"
            /// Datagrams over IPv4 and IPv6.
            case udp = "UDP"
            /// Unix streams.
            case unix = "Unix"
        }

        /// The kind.
        public let kind: Kind
        /// The labels of the levels that can stand in it, from the program down, without the base.
        public let labels: [String]
        /// The levels that stay out of it, with the reason.
        public let absent: [(label: String, reason: String)]
        /// The most that those levels do to data.
        public let effect: Effect
        /// Whether those of them that see data do so only until a stream is connected (`Manifest.handshakes`).
        public let handshakes: Bool
        /// The base's protocol that serves it; nil where it serves none.
        public let `protocol`: ProtocolEntry?
        /// Why that base: that it was named or is the usual one, and what it serves.
        public let baseReason: String

        /// Whether two kinds of socket get the same.
        public static func == (left: Socket, right: Socket) -> Bool {
            left.kind == right.kind && left.labels == right.labels && left.effect == right.effect
                && left.handshakes == right.handshakes && left.protocol == right.protocol
                && left.baseReason == right.baseReason
                && left.absent.elementsEqual(right.absent) { $0 == $1 }
        }
    }

    /// An installed layer that is not in the chain.
    public struct Absent: Sendable, Equatable {
        /// Its name.
        public let name: String
        /// Why it is not in the chain.
        public let reason: String
        /// The file that it comes from, or the one that is the reason.
        public let file: String?
    }

    /// Who decided, and who could have.
    public let selection: ChainSelection
    /// The levels from the program down, the base last; empty where the choice itself fails.
    public let levels: [Level]
    /// What each kind of socket gets; empty where the choice itself fails.
    public let sockets: [Socket]
    /// The installed layers that are not in the chain, by name.
    public let absent: [Absent]
    /// What is unusual about the order, one line each.
    public let warnings: [String]
    /// Why the chain can't be made; nil where nothing is known to be in its way.
    public let problem: LaminaError?

    /// Explains a choice. A layer that is named by its path is probed in a child process by `helper` (see `Probe.run`).
    /// Blocks for files and the child.
    public init(_ selection: ChainSelection, in catalog: Catalog, helper: [String]? = nil) {
        self.selection = selection
        var maker = ExplanationMaker(selection, catalog, helper)
        maker.run()
        levels = maker.levels
        sockets = maker.sockets
        absent = maker.absent
        warnings = maker.warnings
        problem = maker.problem
    }
}

/// Puts an explanation together.
private struct ExplanationMaker {
    private let selection: ChainSelection
    private let catalog: Catalog
    private let helper: [String]?
    private(set) var levels: [ChainExplanation.Level] = []
    private(set) var sockets: [ChainExplanation.Socket] = []
    private(set) var absent: [ChainExplanation.Absent] = []
    private(set) var warnings: [String] = []
    private(set) var problem: LaminaError?

    init(_ selection: ChainSelection, _ catalog: Catalog, _ helper: [String]?) {
        self.selection = selection
        self.catalog = catalog
        self.helper = helper
    }

    mutating func run() {
        defer { finish() }
        let chosen: ChainSelection.Layers
        do throws(LaminaError) { chosen = try selection.layers() } catch {
            problem = error
            return
        }
        var members: [ChainMember?] = []
        for layer in chosen.layers + [chosen.base ?? LayerSpecification(name: ChainDefinition.defaultBase)] {
            members.append(add(layer))
        }
        arrange(members)
        if let base = levels.last {
            sockets = ChainExplanation.Socket.Kind.allCases.map { socket($0, over: base, chosen.base) }
        }
    }

    /// Adds a level, without the reasons for its place.
    private mutating func add(_ layer: LayerSpecification) -> ChainMember? {
        let member = Result { () throws(LaminaError) in
            try ChainDefinition.member(of: layer, in: catalog, helper: helper)
        }
        var failure: LaminaError?
        if case .failure(let error) = member { failure = error }
        let known = try? member.get()
        let manifest = known?.manifest ?? (try? catalog.entry(named: layer.name))?.manifest
        levels.append(
            ChainExplanation.Level(
                label: known?.label ?? layer.label,
                name: layer.name,
                manifest: manifest,
                facts: known.map(Self.facts) ?? [],
                reasons: [],
                conditions: layer.conditions.when.map { "when=\($0)" } + layer.conditions.except.map { "except=\($0)" },
                problem: failure,
                isOptional: layer.required == false
            )
        )
        if problem == nil, layer.required != false { problem = failure }
        return known
    }

    private static func facts(of member: ChainMember) -> [ChainExplanation.Fact] {
        let manifest = member.manifest
        var facts = [("kind", manifest.kind.rawValue)]
        if manifest.kind != .base {
            facts.append(("phase", manifest.phase.rawValue))
            facts.append(("effect", manifest.effect.rawValue))
        }
        let lists = [
            ("before", manifest.before), ("after", manifest.after), ("conflicts", manifest.conflicts),
            ("requires", manifest.requires),
        ]
        for (key, names) in lists where !names.isEmpty { facts.append((key, names.joined(separator: ", "))) }
        if manifest.categories != .all {
            facts.append(("categories", manifest.categories.texts.joined(separator: ", ")))
        }
        facts.append(("handoff", manifest.handoff.rawValue))
        return facts.map { key, value in
            ChainExplanation.Fact(key: key, value: value, file: ManifestSource.file(of: key, among: member.files))
        }
    }

    /// Adds the reasons for each level's place. A derived order came so from the selection.
    private mutating func arrange(_ members: [ChainMember?]) {
        let known = members.compactMap { $0 }
        var derived: [String: [String]] = [:]
        do throws(LaminaError) {
            let order = try selection.order == .derived ? ChainOrder(deriving: known) : ChainOrder(keeping: known)
            warnings = order.warnings
            if selection.order == .derived {
                for placement in order.placements { derived[placement.member.label] = placement.reasons }
            }
        } catch {
            if problem == nil { problem = error }
        }
        for (place, level) in levels.enumerated() {
            let given =
                place == levels.count - 1
                ? "a base stands last"
                : "\(place == 0 ? "next to the program" : "below \(levels[place - 1].label)"): the order was given"
            levels[place] = ChainExplanation.Level(
                label: level.label,
                name: level.name,
                manifest: level.manifest,
                facts: level.facts,
                reasons: derived[level.label] ?? [given],
                conditions: level.conditions,
                problem: level.problem,
                isOptional: level.isOptional
            )
        }
    }

    private func socket(
        _ kind: ChainExplanation.Socket.Kind,
        over base: ChainExplanation.Level,
        _ named: LayerSpecification?
    ) -> ChainExplanation.Socket {
        var labels: [String] = []
        var left: [(label: String, reason: String)] = []
        var effect = Effect.none
        var handshakes = true
        for level in levels.dropLast() {
            guard let manifest = level.manifest, level.problem == nil else {
                left.append((level.label, level.isOptional ? "it is left out (required=no)" : "it can't be used"))
                continue
            }
            guard !manifest.categories.isDisjoint(with: kind.categories) else {
                let texts = manifest.categories.texts.joined(separator: ", ")
                left.append((level.label, "it stands in sockets of the categories \(texts) alone"))
                continue
            }
            labels.append(level.label)
            let own = manifest.effect(on: kind.categories)
            effect = max(effect, own)
            handshakes = handshakes && (own == .none || manifest.handshakes)
        }
        let wanted = kind.wanted
        let entry = base.manifest?.protocols.first { entry in
            entry.matches(family: wanted.family, type: wanted.type, protocol: wanted.protocol)
        }
        var reason =
            named == nil ? "\(base.label) is the base where none is named" : "\(base.label) is named as the base"
        reason += entry.map { ", and serves \($0.text)" } ?? ", and serves no such socket"
        if named == nil,
            let first = try? catalog.base(family: wanted.family, type: wanted.type, protocol: wanted.protocol).name,
            first != base.name
        {
            reason += "; by family, type and protocol alone it would be \(first)"
        }
        return ChainExplanation.Socket(
            kind: kind,
            labels: labels,
            absent: left,
            effect: effect,
            handshakes: handshakes && effect != .none,
            protocol: entry,
            baseReason: reason
        )
    }

    /// Adds the installed layers that are not in the chain, and what this process's environment says of all layers.
    private mutating func finish() {
        if Environment.isDisabled {
            warnings.append("\(Environment.disableVariable)=1: a process with this environment uses no layers at all")
        }
        let present = Set(levels.map(\.name))
        for entry in catalog.entries where entry.manifest?.kind != .base && !present.contains(entry.name) {
            let rival = levels.compactMap(\.manifest).first { manifest in
                manifest.conflicts.contains(entry.name) || entry.manifest?.conflicts.contains(manifest.name) == true
            }
            let reason =
                switch entry.state {
                case .available:
                    rival.map { "nothing names it, and it conflicts with \($0.name)" }
                        ?? "installed means available: nothing names it"
                default: entry.reason ?? "it can't be used"
                }
            absent.append(ChainExplanation.Absent(name: entry.name, reason: reason, file: entry.files.last))
        }
    }
}

extension ChainExplanation.Socket.Kind {
    /// The categories that such a socket can have.
    fileprivate var categories: SocketCategories { self == .udp ? [.datagram] : [.stream, .connection, .listen] }

    /// What such a socket asks of a base.
    fileprivate var wanted: (family: Int32, type: Int32, protocol: Int32) {
        switch self {
        case .tcp: (AF_INET, Int32(SOCK_STREAM.rawValue), Int32(IPPROTO_TCP))
        case .udp: (AF_INET, Int32(SOCK_DGRAM.rawValue), Int32(IPPROTO_UDP))
        case .unix: (AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        }
    }
}

extension SocketCategories {
    /// The names of those that are in the set.
    public var texts: [String] { Self.names.filter { contains($0.value) }.map(\.name) }
}
