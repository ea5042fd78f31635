import Glibc
import LaminaHost

// `HostDriver none|observe|transform PROGRAM ARGUMENTS…`: a run, as the command line starts it.
let words = CommandLine.arguments
let effects: [String: ChainEffect] = ["none": .none, "observe": .observe, "transform": .transform]
guard words.count > 2, let effect = effects[words[1]] else { exit(125) }
Run(program: words[2], arguments: Array(words.dropFirst(3)), effect: effect).start().leave()
