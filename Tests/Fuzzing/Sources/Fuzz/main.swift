import CLibFuzzer
import FuzzedReaders
import Glibc
import Lamina

/// What this process tries: written once, before the first input.
nonisolated(unsafe) var chosen = Reader.json

func leave(_ sentence: String) -> Never {
    _ = write(STDERR_FILENO, sentence + "\n", sentence.utf8.count + 1)
    abort()
}

guard CommandLine.argc > 1, let reader = Reader(rawValue: CommandLine.arguments[1]) else {
    leave("usage: Fuzz \(Reader.allCases.map(\.rawValue).joined(separator: "|")) [FOLDER…] [-runs=N]")
}
chosen = reader
/// The plug-ins lie beside this program.
let plugins = OriginStorage.executablePath(of: getpid())?.split(separator: "/").dropLast().joined(separator: "/") ?? ""
// libFuzzer keeps the name in front, to start itself again.
var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
        do {
            try chosen.read(Array(UnsafeBufferPointer(start: bytes, count: count)), plugins: "/" + plugins)
        } catch {
            leave("\(error)")
        }
        return 0
    }
)
