import ArgumentParser

/// `lamina demo`.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See what layers see, in ten seconds."
    )

    func run() {
    }
}
