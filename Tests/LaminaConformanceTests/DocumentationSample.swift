import LaminaConformance

/// The rules that a plug-in breaks: a line for each.
func brokenRules(of file: String) throws -> [String] {
    let results = try Conformance(file: file).run(helper: ["lamina", "--check-rule"])
    return results.filter(\.isFailure).map(\.line)
}
