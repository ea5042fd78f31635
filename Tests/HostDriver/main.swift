import Glibc
import Lamina
import LaminaHost

let directory =
    "/"
    + (OriginStorage.executablePath(of: getpid()) ?? "").split(separator: "/").dropLast()
    .joined(separator: "/")
let kernel = LayerSpecification(name: "\(directory)/libLaminaKernel.so")
// `HostDriver --forward [--drain=SECONDS] LISTEN TARGET [LAYER…]`, or `--socks LISTEN [LAYER…]`.
if CommandLine.arguments.dropFirst().first == "--forward" {
    var words = CommandLine.arguments.dropFirst(2)
    var drainTime = 0.0
    if let option = words.first, option.hasPrefix("--drain=") {
        drainTime = Double(option.dropFirst("--drain=".count)) ?? 0
        words.removeFirst()
    }
    let isSocks = words.first == "--socks"
    if isSocks { words.removeFirst() }
    guard let listen = words.popFirst(), isSocks || !words.isEmpty else { exit(125) }
    let target = isSocks ? nil : words.popFirst()
    do {
        let layers = try words.map { try LayerSpecification(parsing: $0) }
        var forward = try Forward(listen: listen, target: target, layers: layers, base: kernel)
        forward.drainTime = drainTime
        forward.start().leave()
    } catch {
        Output.log(.error, "", "\(error)")
        exit(125)
    }
}

// `HostDriver [LAYER…] -- PROGRAM ARGUMENTS…`: a run over the kernel base beside this executable.
// `--only=RULE` and `--bypass=RULE` before them say what is carried, `--backend=NAME` and `--allow-uncovered` by what,
// `--output=FILE` where lines go, and `--synthetic=NETWORK`, `--names=COUNT` and `--hold=MILLISECONDS` change its
// synthetic addresses.
let options = CommandLine.arguments.dropFirst().prefix { $0.hasPrefix("--") && $0 != "--" }
let words = CommandLine.arguments.dropFirst(1 + options.count)
let layers = words.prefix { $0 != "--" }
let command = words.dropFirst(layers.count + 1)
guard let program = command.first else { exit(125) }
do {
    var run = Run(
        program: program,
        arguments: Array(command.dropFirst()),
        layers: try layers.map { try LayerSpecification(parsing: $0) }
    )
    var (only, bypass): ([String], [String]) = ([], [])
    for option in options {
        let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
        switch (parts.first, parts.last) {
        case ("--synthetic", let text?):
            if let network = Network(parsing: text) { try run.synthetics.take(from: network) }
        case ("--names", let text?): run.synthetics.count = Int(text) ?? 0
        case ("--backend", let text?): run.backEnd = BackEnd(rawValue: text)
        case ("--allow-uncovered", _): run.allowsUncovered = true
        case ("--hold", let text?): run.synthetics.hold = Int64(text) ?? 0
        case ("--output", let text?): run.output = text
        case ("--only", let text?): only.append(text)
        case ("--bypass", let text?): bypass.append(text)
        default: exit(125)
        }
    }
    run.coverage = try Coverage(only: only, bypass: bypass)
    run.base.name = kernel.name
    run.start().leave()
} catch {
    Output.log(.error, "", "\(error)")
    exit(125)
}
