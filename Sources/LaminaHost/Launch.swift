import CLinux
import Glibc

/// What is handed to exec: the program, its arguments and its environment.
struct Launch {
    /// The program's file.
    let path: String
    private let name: String
    private let arguments: [String]
    private let allowsUncovered: Bool
    /// Nil where the back end has none.
    private let preloadObject: String?

    /// Finds the program and the preload object, and refuses what the back end doesn't cover.
    init(_ run: Run) throws(LaunchFailure) {
        name = run.program
        arguments = run.arguments
        path = try ProgramFile.find(run.program)
        allowsUncovered = run.allowsUncovered
        let coverage = try ProgramCoverage(of: path, wanted: run.backEnd)
        preloadObject = coverage.backEnd == .preload ? try Launch.findPreloadObject(run.preloadObject) : nil
    }

    /// Starts the program under the guard.
    func start(
        _ rendezvous: Rendezvous,
        _ coverage: Coverage,
        control: String?,
        signals: Signals
    ) throws(LaunchFailure) -> clinux_spawned {
        let secret = rendezvous.secret
        let spawned = CStrings.with([name] + arguments) { argv in
            CStrings.with(["/bin/sh", path] + arguments) { shell in
                CStrings.with(environment(rendezvous.environment(coverage), control)) { envp in
                    path.withCString { path in
                        withUnsafePointer(to: signals.inheritedMask) { mask in
                            var program = clinux_program(
                                path: path,
                                argv: argv,
                                envp: envp,
                                shell_argv: shell,
                                mask: mask,
                                child_signal_ignored: signals.childIgnored ? 1 : 0,
                                secret: (secret.first, secret.second),
                                is_open: allowsUncovered ? 1 : 0
                            )
                            return clinux_spawn_guarded(&program)
                        }
                    }
                }
            }
        }
        if spawned.stage != 0 { throw failure(Int(spawned.stage), Errno(spawned.error)) }
        return spawned
    }

    private func failure(_ stage: Int, _ error: Errno) -> LaunchFailure {
        switch stage {
        case CLINUX_SPAWN_EXECUTE:
            return LaunchFailure(code: error.code == ENOENT ? 127 : 126, message: "\(name): \(error.text)")
        case CLINUX_SPAWN_FILTER where error.code == EBUSY:
            return .refusedProgram(
                "this process is under a seccomp listener already; one run can't stand inside another"
            )
        case CLINUX_SPAWN_FILTER:
            return .refused("the kernel doesn't take the seccomp filter that guards the program (\(error.text))")
        default:
            return .refused("\(name): it could not be started (\(error.text))")
        }
    }

    private func environment(_ run: String, _ control: String?) -> [String] {
        var entries: [String] = []
        var preload = preloadObject.map { [$0] } ?? []
        // Its run time refuses to start behind another library, unless it is told that this is meant.
        var sanitizer = preload.isEmpty ? [] : ["verify_asan_link_order=0"]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if text.hasPrefix("LD_PRELOAD=") {
                let others = String(text.dropFirst("LD_PRELOAD=".count))
                if !others.isEmpty { preload.append(others) }
            } else if text.hasPrefix("ASAN_OPTIONS=") {
                sanitizer.append(String(text.dropFirst("ASAN_OPTIONS=".count)))
            } else if !text.hasPrefix("LAMINA_RUN="), !text.hasPrefix("\(ControlSocket.variable)=") {
                entries.append(text)
            }
            next += 1
        }
        if let control { entries.append("\(ControlSocket.variable)=\(control)") }
        if !preload.isEmpty { entries.append("LD_PRELOAD=" + preload.joined(separator: ":")) }
        if !sanitizer.isEmpty { entries.append("ASAN_OPTIONS=" + sanitizer.joined(separator: ":")) }
        return entries + [run]
    }

    private static func findPreloadObject(_ given: String?) throws(LaunchFailure) -> String {
        let file = "libLaminaPreload.so"
        let candidates = given.map { [$0] } ?? directories().map { "\($0)/\(file)" }
        guard let found = candidates.first(where: { access($0, R_OK) == 0 }) else {
            throw .refused("the preload object \(given ?? file) isn't where it was installed; install Lamina again")
        }
        // The dynamic loader separates its list by these.
        if found.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: " ") }) {
            throw .refused("\(found): LD_PRELOAD can't carry a path with a colon or a space; install Lamina elsewhere")
        }
        return found
    }

    /// Beside this executable, and in the library directory of its prefix.
    private static func directories() -> [String] {
        let executable = Process.executable(of: getpid())
        guard let slash = executable.lastIndex(of: "/") else { return [] }
        let directory = executable[..<slash]
        return ["\(directory)/../lib/lamina", "\(directory)"]
    }
}

/// Arrays of C strings, ended by a null pointer, as exec wants them.
enum CStrings {
    static func with<R>(_ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
        var pointers = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { buffer in
            withExtendedLifetime(buffer) {
                guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has a base") }
                return body(base)
            }
        }
    }
}
