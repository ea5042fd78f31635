/// A layer or base that does something when a live setting changes. Others read their live settings where they use them, and need
/// no such thing.
public protocol Reconfigures: LevelValue, ~Copyable {
    /// A live setting has a new value, checked already, which `level` answers from now on. A failure puts the old one
    /// back, and its message is what the user reads. Any thread, while sockets are open; may block.
    func reconfigure(_ setting: String, _ level: Level) throws(Failure)
}
