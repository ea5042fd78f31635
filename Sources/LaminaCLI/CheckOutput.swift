import Glibc
import Lamina
import LaminaConformance

/// What `lamina check` shows of its results as they come: a line for each, and how far it is where somebody looks on.
struct CheckOutput {
    private let rules: [Rule]
    private let showsProgress: Bool
    private var count = 0
    private var passed = 0
    private var failed = 0

    /// Of a check of these rules.
    init(_ rules: [Rule]) {
        self.rules = rules
        showsProgress = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    }

    /// Says what comes first.
    func begin() { tell(next: rules.first) }

    /// Shows one result.
    mutating func show(_ result: RuleResult) {
        clear()
        count += 1
        switch result.verdict {
        case .passed:
            passed += 1
            print("\(Terminal.styled("passed", .green))  \(result.provider): \(result.rule.name)")
        case .notApplicable(let reason):
            let text = Output.printable(reason)
            print(Terminal.styled("-       \(result.provider): \(result.rule.name): \(text)", .dim))
        case .failed:
            failed += 1
            print("\(Terminal.styled("failed", .red))  \(Output.printable(result.line))")
        }
        fflush(nil)
        tell(next: rules.isEmpty ? nil : rules[count % rules.count])
    }

    /// Says how many rules ended how.
    func end() {
        clear()
        let parts = [(passed, "passed"), (failed, "failed"), (count - passed - failed, "not applicable")]
        let said = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        print("\(count) \(count == 1 ? "rule" : "rules"): \(said.joined(separator: ", "))")
    }

    private func tell(next: Rule?) {
        guard showsProgress, let next else { return }
        write("\rchecking \(next.name) (\(count % max(rules.count, 1) + 1) of \(rules.count)) …")
    }

    /// Takes away what says how far it is.
    func clear() {
        if showsProgress { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
