import Glibc
import TestSupport

// `CatalogDriver change ROOT NUMBER…`: makes changes, and writes `made` after each.
// `CatalogDriver work ROOT SEED`: makes changes for ever.
// `CatalogDriver read ROOT`: looks for ever, and ends with 1 where it sees half a change.
let arguments = CommandLine.arguments
guard arguments.count >= 3 else { exit(64) }
let subject = CatalogSubject(root: arguments[2])

func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(1, bytes, bytes.count)
}

do {
    switch arguments[1] {
    case "change":
        for number in arguments.dropFirst(3) {
            try subject.change(Int(number) ?? 0)
            say("made")
        }
    case "work":
        var state = UInt64(arguments.count > 3 ? arguments[3] : "") ?? 1
        while true {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            try subject.change(Int(state >> 40))
        }
    default:
        var last = 0
        var round = 0
        say("reading")
        while getppid() != 1 {
            round += 1
            let generation = try subject.check(byName: round % 2 == 0)
            guard generation >= last else { throw Failure("generation \(generation) after \(last)") }
            last = generation
        }
    }
} catch {
    say("\(error)")
    exit(1)
}
