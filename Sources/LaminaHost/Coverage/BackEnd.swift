import CLinux
import Glibc

/// What brings a program's calls onto a chain.
public enum BackEnd: String, Sendable, CaseIterable {
    /// A library that is preloaded into the program. Behind it stands the guard for calls that go around it.
    case preload
    /// The guard alone: the kernel stops each call that carries an address, and the supervisor serves it (seccomp user
    /// notification).
    case notify

    /// Why this system doesn't let it work, and what would; nil where it works. Tries it on a child process, and blocks
    /// for that.
    public var obstacle: String? {
        var error: Int32 = 0
        let missing = Int(clinux_guard_probe(&error))
        if missing == CLINUX_GUARD_WORKS { return nil }
        let cause = Errno(error)
        switch missing {
        case CLINUX_GUARD_NO_PROCESS: return "no process can be started (\(cause.text))"
        case CLINUX_GUARD_NO_PRIVILEGES: return "the system refuses no_new_privs (\(cause.text))"
        case CLINUX_GUARD_NO_FILTER where error == EBUSY:
            return "a seccomp listener is there already, of another run or of the container's; the kernel takes one"
        case CLINUX_GUARD_NO_FILTER:
            return "the system refuses a seccomp filter with a listener (\(cause.text)); in a container, "
                + "--security-opt seccomp=unconfined allows it"
        default:
            // What goes around the preload object is refused then, which is all that it needs.
            if self == .preload { return nil }
            return "the system refuses a look at another process's \(Self.subject(missing)) (\(cause.text)); "
                + Self.remedy
        }
    }

    private static func subject(_ missing: Int) -> String {
        missing == CLINUX_GUARD_NO_DESCRIPTORS ? "descriptors (pidfd_getfd)" : "memory (process_vm_readv)"
    }

    private static var remedy: String {
        let scope = "/proc/sys/kernel/yama/ptrace_scope"
        if let text = Process.firstLine(of: scope), let level = Int(text), level > 1 {
            return "sysctl kernel.yama.ptrace_scope=1 allows it"
        }
        return "in a container, --cap-add SYS_PTRACE allows it"
    }
}
