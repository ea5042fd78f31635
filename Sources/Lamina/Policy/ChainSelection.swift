/// Which layers a program gets, and which of the places that could say so decided.
///
/// The first of these that says anything decides alone: layers that were given, a chain that was named, `LAMINA_LAYERS`, the most
/// specific policy that names the program, the bare base.
public struct ChainSelection: Sendable {
    /// What was asked for, before anything is looked up.
    public struct Request: Sendable, Equatable {
        /// Layers that were given (`--layer`); empty where none were.
        public var layers: [LayerSpecification]
        /// The named chain (`--chain`); nil where none was named.
        public var chain: String?
        /// The value of `LAMINA_LAYERS`; nil where it isn't set.
        public var environment: String?

        /// A request; the value of `LAMINA_LAYERS` is this process's own, none under `AT_SECURE`.
        public init(layers: [LayerSpecification] = [], chain: String? = nil) {
            self.layers = layers
            self.chain = chain
            environment = Environment.value(of: Chain.layersVariable)
        }
    }

    /// A place that can decide.
    public enum Source: Sendable, Equatable {
        /// Layers that were given.
        case layers
        /// The chain of this name.
        case chain(String)
        /// `LAMINA_LAYERS`.
        case environment
        /// The policy for this subject.
        case policy(PolicySubject)
        /// Nothing: the bare base.
        case bare
    }

    /// One place that was looked at.
    public struct Candidate: Sendable, Equatable {
        /// The place.
        public let source: Source
        /// The file that says it; nil where none does.
        public let file: String?
        /// Whether it decided.
        public let isChosen: Bool
        /// Why it decided, or didn't, as a phrase.
        public let reason: String
    }

    /// The layers in their order, the first one next to the program, and what they stand on; nil where no base is named.
    public typealias Layers = (layers: [LayerSpecification], base: LayerSpecification?)

    /// The place that decided.
    public let source: Source
    /// The places that were looked at, in the order of precedence.
    public let candidates: [Candidate]
    /// Policy files that can't be read and don't say whom they are for.
    public let problems: [LaminaError]
    /// Whether the order of the layers is derived.
    public let order: ChainDefinition.Order

    private let outcome: Result<Layers, LaminaError>

    /// Decides for a program. Reads the chain or the policies of the catalog's directories, which blocks; loads nothing.
    /// Places behind the one that decides are looked at where everything is wanted, for an explanation.
    public init(
        _ request: Request = Request(),
        for program: @autoclosure () -> ProgramIdentity = .ofThisProcess(),
        in catalog: Catalog,
        lookingEverywhere: Bool = false
    ) {
        var search = Search(request, catalog, lookingEverywhere)
        search.run(program)
        source = search.source
        candidates = search.candidates
        problems = search.problems
        order = search.order
        outcome = search.outcome
    }

    /// The layers. Throws what is wrong with the place that decided: nothing else takes its turn.
    public func layers() throws(LaminaError) -> Layers { try outcome.get() }
}

extension ChainSelection.Source: CustomStringConvertible {
    /// The place as a command line or a list names it.
    public var description: String {
        switch self {
        case .layers: "--layer"
        case .chain(let name): "--chain \(name)"
        case .environment: Chain.layersVariable
        case .policy(let subject): "policy \(subject)"
        case .bare: "bare base"
        }
    }
}

/// Goes from place to place.
private struct Search {
    private let request: ChainSelection.Request
    private let catalog: Catalog
    private(set) var source = ChainSelection.Source.bare
    private(set) var candidates: [ChainSelection.Candidate] = []
    private(set) var problems: [LaminaError] = []
    private(set) var order = ChainDefinition.Order.given
    private(set) var outcome: Result<ChainSelection.Layers, LaminaError> = .success(([], nil))
    private let looksEverywhere: Bool
    private var isDecided = false

    init(_ request: ChainSelection.Request, _ catalog: Catalog, _ looksEverywhere: Bool) {
        self.request = request
        self.catalog = catalog
        self.looksEverywhere = looksEverywhere
    }

    mutating func run(_ program: () -> ProgramIdentity) {
        if decides(.layers, absent: request.layers.isEmpty ? "none was given" : nil, "layers were given") {
            outcome = .success((request.layers, nil))
        }
        if isDone { return }
        if let name = request.chain {
            let chain = Result { () throws(LaminaError) in try catalog.chain(named: name) }
            if decides(.chain(name), file: (try? chain.get())?.file, "the chain was named") {
                take(chain.map(\.definition))
            }
        }
        if isDone { return }
        let words = request.environment ?? ""
        if decides(.environment, absent: words.isEmpty ? "is not set" : nil, "names layers") {
            outcome = Result { () throws(LaminaError) in (try Self.layers(words), nil) }
        }
        if isDone { return }
        lookAtPolicies(program)
        if !isDone { _ = decides(.bare, "nothing else says anything") }
    }

    private var isDone: Bool { isDecided && !looksEverywhere }

    private mutating func lookAtPolicies(_ program: () -> ProgramIdentity) {
        let policies = catalog.policies()
        problems = policies.problems
        guard !policies.items.isEmpty else { return }
        let program = program()
        for item in policies.items {
            let refusal = item.subject.refusal(for: program)
            guard decides(.policy(item.subject), file: item.file, absent: refusal, "it names the program") else {
                continue
            }
            take(item.policy.flatMap(definition))
            if isDone { return }
        }
    }

    /// Notes a place; the first one that isn't absent decides.
    private mutating func decides(
        _ place: ChainSelection.Source,
        file: String? = nil,
        absent: String? = nil,
        _ present: String
    ) -> Bool {
        let isFirst = !isDecided && absent == nil
        let reason = absent ?? (isFirst ? present : "\(present), but \(source) stands before it")
        candidates.append(.init(source: place, file: file, isChosen: isFirst, reason: reason))
        if isFirst {
            source = place
            isDecided = true
        }
        return isFirst
    }

    private func definition(of policy: Policy) -> Result<ChainDefinition, LaminaError> {
        switch policy.choice {
        case .layers(let definition): return .success(definition)
        case .chain(let name):
            let chain = Result { () throws(LaminaError) in try catalog.chain(named: name).definition }
            return chain.mapError { error in
                guard error.code == .notFound else { return error }
                return LaminaError(
                    .notFound,
                    "\(policy.file): policy for \(policy.subject)",
                    "names the chain \"\(name)\", which is not in the catalog",
                    remedy: "lamina chain add \(name) LAYER…, or lamina policy remove \(policy.subject)"
                )
            }
        }
    }

    private mutating func take(_ definition: Result<ChainDefinition, LaminaError>) {
        order = (try? definition.get())?.order ?? .given
        outcome = Result { () throws(LaminaError) in try definition.get().resolved(in: catalog) }
    }

    private static func layers(_ words: String) throws(LaminaError) -> [LayerSpecification] {
        var layers: [LayerSpecification] = []
        for word in try LayerGrammar.words(Substring(words)) {
            layers.append(try LayerSpecification(parsing: String(word)))
        }
        return layers
    }
}
