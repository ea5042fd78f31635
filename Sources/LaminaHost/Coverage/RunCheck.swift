public import Lamina

/// What `lamina run --check` shows: what would carry a program and what it would not cover, and the rules of its chain's levels,
/// in the order in which they decide.
public struct RunCheck: Sendable {
    /// A level whose provider has a table of rules.
    public struct Level: Sendable {
        /// Its name in the chain.
        public let label: String
        /// Its rules, a line each; or what is wrong with them.
        public let rules: Result<[String], LaminaError>
    }

    /// The program as it was named.
    public let program: String
    /// The levels of its chain that have rules, from the program down.
    public let levels: [Level]
    /// Why the chain can't be made; nil where nothing is known to be in its way.
    public let problem: LaminaError?
    /// What would carry it; or why it is refused.
    private let coverage: Result<ProgramCoverage, LaunchFailure>
    private let report: (text: String, code: Int32)

    /// Looks at a program, and asks the levels of the chain that it would get for their rules, each in a child process by
    /// `helper` (see `Probe.run`). Runs nothing else. `name` is what policies may know the run by. Blocks for files and the
    /// children.
    public init(
        of program: String,
        wanted: BackEnd?,
        choosing request: ChainSelection.Request = ChainSelection.Request(),
        name: String? = nil,
        catalog: Catalog = Catalog(),
        helper: [String]
    ) {
        self.program = program
        coverage = ProgramCoverage.outcome(on: program, wanted: wanted)
        report = ProgramCoverage.report(on: program, coverage)
        let selection = ChainSelection(request, for: Run.identity(of: program, name: name), in: catalog)
        let chain = ChainExplanation(selection, in: catalog, helper: helper)
        let layers = (try? selection.layers())?.layers ?? []
        var levels: [Level] = []
        var problem = chain.problem
        for (layer, level) in zip(layers, chain.levels) {
            guard let manifest = level.manifest, manifest.hasRules, level.problem == nil else { continue }
            let rules = Result { () throws(LaminaError) in
                let library =
                    layer.isPath ? layer.name : try catalog.entry(named: layer.name).library ?? manifest.library
                return try Probe.rules(of: layer, provider: manifest.name, in: library, helper: helper)
            }
            if case .failure(let error) = rules, problem == nil, !level.isOptional { problem = error }
            levels.append(Level(label: level.label, rules: rules))
        }
        self.levels = levels
        self.problem = problem
    }

    /// 0, or the code that a run would end with.
    public var code: Int32 { report.code != 0 || problem == nil ? report.code : LaunchFailure.refused("").code }

    /// The check as lines for people.
    public var text: String {
        var lines = [report.text]
        for level in levels {
            switch level.rules {
            case .success(let rules): lines += ["Rules of \(level.label):"] + rules.map { "  \($0)" }
            case .failure(let error): lines += ["Rules of \(level.label):", "  \(error)"]
            }
        }
        let isSaid = levels.contains { if case .failure(let error) = $0.rules { error == problem } else { false } }
        if let problem, !isSaid { lines.append("The chain can't be made: \(problem)") }
        return lines.joined(separator: "\n")
    }

    /// The check with everything in it.
    public var json: JSON {
        var object = JSON.Object()
        object["program"] = .string(program)
        switch coverage {
        case .success(let coverage):
            object["back-end"] = .string(coverage.backEnd.rawValue)
            object["reason"] = .string(coverage.reason)
            object["refused"] = .array(coverage.refused.map { .string($0) })
            object["inexact"] = .array(coverage.inexact.map { .string($0) })
        case .failure(let error): object["refusal"] = .string(error.message)
        }
        object["levels"] = .array(
            levels.map { level in
                switch level.rules {
                case .success(let rules):
                    ["label": .string(level.label), "rules": .array(rules.map { .string($0) })]
                case .failure(let error): ["label": .string(level.label), "error": .string(error.description)]
                }
            }
        )
        if let problem { object["problem"] = .string(problem.description) }
        return .object(object)
    }
}
