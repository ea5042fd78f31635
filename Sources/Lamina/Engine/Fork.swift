import CLinux

/// What keeps a program usable that forks while its sockets are open.
///
/// Before a fork every `Locked` is taken, so that the child finds nothing half done. In the child, which has one thread,
/// the requests that the parent's threads wait for are forgotten, engines begin anew with descriptors of their own, and
/// sockets of a chain that can't be shared answer ESTALE.
enum Fork {
    /// Begins to watch for forks. Done once, before the first socket.
    static let start: Void = {
        _ = clinux_at_fork {
            Threads.beginChild()
            Waiter.beginChild()
            Engine.beginChild()
            ColumnPool.beginChild()
            Offers.beginChild()
        }
    }()
}
