import Glibc

/// A program that is run as it is (`LAMINA_DISABLE=1`).
enum BareProgram {
    /// Makes this process the program. Returns only where that fails.
    static func execute(_ run: Run) -> LaunchFailure {
        let path: String
        do throws(LaunchFailure) {
            path = try ProgramFile.find(run.program)
        } catch {
            return error
        }
        CStrings.with([run.program] + run.arguments) { argv in _ = execve(path, argv, environ) }
        if errno == ENOEXEC {
            CStrings.with(["/bin/sh", path] + run.arguments) { argv in _ = execve("/bin/sh", argv, environ) }
        }
        let error = Errno.last
        return LaunchFailure(code: error.code == ENOENT ? 127 : 126, message: "\(run.program): \(error.text)")
    }
}
