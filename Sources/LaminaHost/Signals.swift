import CLinux
import Glibc

/// The supervisor's signals: blocked, and read from a descriptor, so that no disposition that the program inherits
/// changes but SIGCHLD's, which is put back.
struct Signals {
    /// Readable when a signal waits.
    let descriptor: Int32
    /// The mask that this process was started with.
    let inheritedMask: sigset_t
    /// SIGCHLD was ignored.
    let childIgnored: Bool

    private static let handled = [
        SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD,
        SIGPIPE,
    ]
    /// Those that another process may mean for the program when it sends them to the supervisor.
    private static let forwarded = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP]

    init() throws(Errno) {
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in Signals.handled { sigaddset(&mask, number) }
        var old = sigset_t()
        sigprocmask(SIG_BLOCK, &mask, &old)
        inheritedMask = old
        childIgnored = clinux_ignore_signal(SIGCHLD, 0) == 1
        descriptor = clinux_signal_descriptor(&mask)
        if descriptor < 0 { throw Errno(-descriptor) }
    }

    /// The next signal, and whether it is to be sent on to the program: it came from a process. The terminal's go to
    /// the whole process group, so that the program has them already, but for a hang-up, which goes to the leader of
    /// the session.
    func next() -> (number: Int32, isForwarded: Bool)? {
        var byProcess: Int32 = 0
        let number = clinux_next_signal(descriptor, &byProcess)
        if number == 0 { return nil }
        let isForOne = byProcess != 0 || number == SIGHUP && getsid(0) == getpid()
        return (number, isForOne && Signals.forwarded.contains(number))
    }

    /// What a process dies by when it crashes, rather than being ended from outside.
    static let crashes = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
}
