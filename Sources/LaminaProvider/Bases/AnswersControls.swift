/// Answers what is asked of a socket beside its data: options (setsockopt, getsockopt), ioctls and extensions
/// (WskControlSocket, WSPIoctl). Without it they fail with EOPNOTSUPP.
public protocol AnswersControls: Base, ~Copyable {
    /// Does what is asked, and says what comes of it; nil: the base knows nothing of it. Then the SDK answers what it knows
    /// itself (SO_TYPE, SO_DOMAIN, SO_ERROR, SO_ACCEPTCONN, and where a datagram socket sends to), and fails other options with
    /// ENOPROTOOPT, the rest with EOPNOTSUPP. Any thread; must not block.
    func control(_ operation: ControlOperation, _ state: borrowing State) throws(Failure) -> ControlResult?
}

/// What comes of a control operation.
public enum ControlResult: Sendable {
    /// It is done, and there is nothing to tell.
    case done
    /// An option's value. EINVAL where the caller has no room for it.
    case integer(Int32)
    /// Other bytes. ENOBUFS where the caller has too little room for all of them; it is told how many there are.
    case bytes([UInt8])
}
