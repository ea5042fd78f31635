import CLinux

/// What keeps a program usable that forks while its sockets are open.
///
/// Before a fork every `Locked` is taken, so that the child finds nothing half done, and engines come to rest, which leaves
/// the locks of Swift's run time free. In the child, which has one thread, the requests that the parent's threads wait
/// for are forgotten, engines begin anew with descriptors of their own, and sockets of a chain that can't be shared answer
/// ESTALE.
enum Fork {
    /// Begins to watch for forks. Done once, before the first socket.
    static let start: Void = {
        // Nothing is there to forget yet. What a child does for the first time may need a lock of the run time, which
        // another thread of its parent may have held for good.
        Waiter.beginChild()
        Offers.beginChild()
        _ = clinux_at_fork {
            Threads.beginChild()
            Waiter.beginChild()
            Engine.beginChild()
            ColumnPool.beginChild()
            Offers.beginChild()
        }
    }()
}
