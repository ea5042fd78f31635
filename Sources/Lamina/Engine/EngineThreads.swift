import Glibc

/// How many threads the shared engine has.
enum EngineThreads {
    /// The environment variable that says it: 1 to 64.
    static let variable = "LAMINA_ENGINE_THREADS"
    private static let range = 1...64
    private static let mostByDefault = 4

    static var count: Int {
        let processors = min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), mostByDefault)
        guard let text = Environment.value(of: variable) else { return processors }
        if let count = Int(text), range.contains(count) { return count }
        Output.log(
            .error,
            variable,
            "\"\(text)\" is no number from \(range.lowerBound) to \(range.upperBound); \(processors) it is"
        )
        return processors
    }
}
