import ArgumentParser
import Glibc
import Lamina
import LaminaConformance

/// `lamina check`: whether a plug-in keeps the contract.
struct CheckCommand: ParsableCommand {
    static let name = "check"
    /// What the command line calls itself with to check one rule.
    static let option = "--check-rule"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Check whether a plug-in keeps the contract: requests, order, cancel, close, data, leaks.",
        discussion: """
            Each rule is checked in a process of its own, so that a crash or a hang is a rule that failed. Layers are \
            checked over a base of the kit's own, over memory and over the kernel's loopback, bases by themselves. The \
            status is 0 when all rules that apply passed, 1 when one failed, and 125 when the check can't be made.

            Examples:
              lamina check ./libMine.so
              lamina check ./libMine.so --setting limit=1mbit --only order --only cancel
              lamina check --list
            """
    )

    @Argument(
        help: ArgumentHelp("The plug-in's shared object.", valueName: "file.so"),
        completion: .file(extensions: ["so"])
    )
    var file: String?

    @Option(help: ArgumentHelp("A setting of the provider; may be repeated.", valueName: "key=value"))
    var setting: [String] = []

    @Option(
        help: ArgumentHelp("Check this rule alone; may be repeated.", valueName: "rule"),
        completion: .list(Rule.all.map(\.name))
    )
    var only: [String] = []

    @Option(help: "Which provider, where the file holds several; else all.")
    var provider: String?

    @Flag(help: "Print JSON: one object for each rule.")
    var json = false

    @Flag(help: "List the rules: what each demands, why, and where the headers say so.")
    var list = false

    func run() throws {
        let rules = try chosen()
        if list { return print(json ? Self.json(rules) : Self.text(rules), terminator: "") }
        guard let file else { throw ValidationError("no plug-in is named") }
        let plugins = try DemoPlugins()
        defer { plugins.remove() }
        let conformance = Conformance(
            file: file,
            provider: provider,
            settings: try settings(),
            rules: rules,
            bases: Conformance.Base.all(of: plugins.catalog)
        )
        let isText = !json
        let results = try conformance.run(helper: ["/proc/self/exe", Self.option]) { result in
            if isText { Self.show(result) }
        }
        if json { print(JSON.array(results.map(\.json)).text(pretty: true), terminator: "") }
        if results.contains(where: \.isFailure) { throw ExitCode(1) }
    }

    private func chosen() throws(LaminaError) -> [Rule] {
        guard !only.isEmpty else { return Rule.all }
        var rules: [Rule] = []
        for name in only {
            guard let rule = Rule.named(name) else {
                throw LaminaError(
                    .notFound,
                    "\"\(name)\"",
                    "is no rule",
                    remedy: Suggestion.remedy(
                        for: name,
                        among: Rule.all.map(\.name),
                        otherwise: "lamina check --list lists them"
                    )
                )
            }
            rules.append(rule)
        }
        return rules
    }

    private func settings() throws(LaminaError) -> [LayerSpecification.Setting] {
        guard !setting.isEmpty else { return [] }
        return try LayerSpecification(parsing: "plugin:\(setting.joined(separator: ","))").settings
    }

    private static func show(_ result: RuleResult) {
        switch result.verdict {
        case .passed: print("\(Terminal.styled("passed", .green))  \(result.provider): \(result.rule.name)")
        case .notApplicable(let reason):
            print(
                Terminal.styled("-       \(result.provider): \(result.rule.name): \(Terminal.printable(reason))", .dim)
            )
        case .failed: print("\(Terminal.styled("failed", .red))  \(Terminal.printable(result.line))")
        }
        fflush(nil)
    }

    private static func text(_ rules: [Rule]) -> String {
        rules.map { rule in
            "\(Terminal.styled(rule.name, .bold))\n  \(rule.demand)\n  \(rule.reason)\n  \(rule.source)\n"
        }.joined()
    }

    private static func json(_ rules: [Rule]) -> String {
        JSON.array(
            rules.map {
                [
                    "name": .string($0.name), "demand": .string($0.demand), "reason": .string($0.reason),
                    "source": .string($0.source),
                ]
            }
        ).text(pretty: true)
    }
}
