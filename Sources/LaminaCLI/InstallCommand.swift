import ArgumentParser
import Lamina

/// `lamina install`: probes a plug-in in a child process, copies it and writes its manifests.
struct InstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Install a plug-in: probe it in a child process, copy it, write its manifest.",
        discussion: """
            The library is copied to a name made from its content, so that a newer one never changes under a running \
            program. Installed means available by name; nothing becomes active.
            """
    )

    @Argument(
        help: ArgumentHelp("The plug-in's shared object.", valueName: "file.so"),
        completion: .file(extensions: ["so"])
    )
    var file: String

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let writer = try place.writer()
        for manifest in try writer.install(file, helper: Probe.helper) {
            print("installed \(Terminal.styled(manifest.name, .bold)) (\(manifest.kind.rawValue))")
            var table = Table(indentation: 2)
            table.add("library", manifest.library)
            table.add("manifest", "\(writer.directory.path)/\(manifest.name).json")
            if manifest.kind != .base { table.add("try", "lamina run --layer \(manifest.name) -- PROGRAM") }
            print(table.text, terminator: "")
        }
    }
}
