extension LaunchFailure {
    /// What works for a program that can't be run.
    static let forwardHint = "lamina forward LISTEN TARGET carries its connections without running it"

    /// Lamina refused to run a program, for this reason.
    static func refusedProgram(_ reason: String) -> LaunchFailure { .refused("\(reason); \(forwardHint)") }
}
