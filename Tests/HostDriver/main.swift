import Glibc
import Lamina
import LaminaHost

// `HostDriver [LAYER…] -- PROGRAM ARGUMENTS…`: a run over the kernel base beside this executable.
let words = CommandLine.arguments.dropFirst()
let layers = words.prefix { $0 != "--" }
let command = words.dropFirst(layers.count + 1)
guard let program = command.first else { exit(125) }
do {
    var run = Run(
        program: program,
        arguments: Array(command.dropFirst()),
        layers: try layers.map { try LayerSpecification(parsing: $0) }
    )
    let directory = (OriginStorage.executablePath(of: getpid()) ?? "").split(separator: "/").dropLast()
    run.base.name = "/" + directory.joined(separator: "/") + "/libLaminaKernel.so"
    run.start().leave()
} catch {
    Output.log(.error, "", "\(error)")
    exit(125)
}
