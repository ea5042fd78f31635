import ArgumentParser
import Lamina
import LaminaHost

/// `lamina set`: changes settings of a layer of a run.
struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change settings of a layer while its run goes on.",
        discussion: """
            On open sockets and new ones, at once; all of the settings or none. lamina ps RUN --json lists which a layer \
            can change (live), lamina show NAME what they mean.

            Examples:
              lamina set curl trace data=hex bytes=64
              lamina set web hide key=@new.key
            """
    )

    @OptionGroup var target: TargetOptions

    @Argument(help: ArgumentHelp("Settings, as on a layer's command line.", valueName: "key=value"))
    var settings: [String]

    func run() throws {
        let count = try RunHandle(named: target.run).set(target.label, settings)
        print(
            "set \(settings.count == 1 ? settings[0].keyPart : "\(settings.count) settings") of \(target.text) on \(sockets(count))"
        )
    }
}

/// `lamina off`: lets calls pass a layer of a run by.
struct OffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "off",
        abstract: "Switch a layer of a run off, on open sockets and new ones.",
        discussion: """
            The layer stays loaded, and lamina on brings it back. Open sockets whose data a layer transforms keep it until \
            they close.

            Examples:
              lamina off curl trace
              lamina on curl trace
            """
    )

    @OptionGroup var target: TargetOptions

    func run() throws {
        try target.setLayer(isOn: false)
    }
}

/// `lamina on`: takes `lamina off` back.
struct OnCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "on",
        abstract: "Switch a layer of a run on again, on open sockets and new ones.",
        discussion: """
            Examples:
              lamina on curl trace
            """
    )

    @OptionGroup var target: TargetOptions

    func run() throws {
        try target.setLayer(isOn: true)
    }
}

/// A layer of a run.
struct TargetOptions: ParsableArguments {
    @Argument(help: "The run's name, as lamina ps lists it.", completion: RunCompletion.kind)
    var run: String

    @Argument(help: "The layer's label.", completion: RunCompletion.labels)
    var label: String

    /// The layer, for a sentence.
    var text: String { "\(label) in \(run)" }

    fileprivate func setLayer(isOn: Bool) throws {
        let result = try RunHandle(named: run).setLayer(label, isOn: isOn)
        let kept = result.kept == 0 ? "" : "; \(sockets(result.kept)) stay as they are until they close"
        print("switched \(text) \(isOn ? "on" : "off") on \(sockets(result.changed))\(kept)")
    }
}

/// What a shell completes where a run, or a layer of it, is named.
enum RunCompletion {
    /// The runs of this user.
    static let kind = CompletionKind.custom { _, _, _ in RunHandle.names }
    /// The labels of the run that stands before.
    static let labels = CompletionKind.custom { words, index, _ in
        guard index > 0, words.indices.contains(index - 1), let run = try? RunHandle(named: words[index - 1]),
            let status = try? run.status()
        else { return [] }
        return status.layers.map(\.label)
    }
}

/// A number of open sockets, for a sentence.
private func sockets(_ count: Int) -> String { count == 1 ? "1 open socket" : "\(count) open sockets" }

extension String {
    /// What stands before the first `=`.
    fileprivate var keyPart: String { String(prefix { $0 != "=" }) }
}
