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
            Each rule is checked in a process of its own, several at a time, so that a crash or a hang is a rule that \
            failed. Layers are checked over a base of the kit's own, over memory and over the kernel's loopback, bases \
            by themselves. The status is 0 when all rules that apply passed, 1 when one failed, and 125 when the check \
            can't be made. A rule is marked - where it doesn't apply, with the reason.

            Examples:
              lamina check ./libMine.so
              lamina check ./libMine.so --setting limit=1mbit --rule order --rule cancel
              lamina check trace                  an installed provider
              lamina check --list
            """
    )

    @Argument(
        help: ArgumentHelp("The plug-in's shared object, or an installed provider's name.", valueName: "file.so"),
        completion: .file(extensions: ["so"])
    )
    var file: String?

    @Option(help: ArgumentHelp("A setting of the provider; may be repeated.", valueName: "key=value"))
    var setting: [String] = []

    @Option(
        help: ArgumentHelp("Check this rule alone; may be repeated.", valueName: "name"),
        completion: .list(Rule.all.map(\.name))
    )
    var rule: [String] = []

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
        let target = try CheckTarget(file, provider: provider, catalog: plugins.catalog)
        let conformance = Conformance(
            file: target.file,
            provider: target.provider,
            settings: try settings(),
            rules: rules,
            bases: Conformance.Base.all(of: plugins.catalog)
        )
        let results = json ? try run(conformance) : try show(conformance, rules)
        if results.contains(where: \.isFailure) { throw ExitCode(1) }
    }

    /// What the command line calls itself with for each rule.
    private static let helper = ["/proc/self/exe", option]

    private func run(_ conformance: Conformance) throws(LaminaError) -> [RuleResult] {
        let results = try conformance.run(helper: Self.helper)
        print(JSON.array(results.map(\.json)).text(pretty: true), terminator: "")
        return results
    }

    private func show(_ conformance: Conformance, _ rules: [Rule]) throws(LaminaError) -> [RuleResult] {
        var output = CheckOutput(rules)
        output.begin()
        defer { output.clear() }
        let results = try conformance.run(helper: Self.helper) { output.show($0) }
        output.end()
        return results
    }

    private func chosen() throws(LaminaError) -> [Rule] {
        guard !rule.isEmpty else { return Rule.all }
        var rules: [Rule] = []
        for name in rule {
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
