import Glibc

/// Sends datagrams (sendto, sendmmsg, WskSendTo, WskSendMessages, WSPSendTo), on sockets that are opened for them. A base of
/// datagrams has this, `ReceivesDatagrams`, or both; one that has streams beside them asks the socket which it is:
/// `Socket.category`.
public protocol SendsDatagrams: Base, ~Copyable {
    /// Takes a datagram whole, or loses it. `destination` is a socket address: the datagram's own, or where the socket was
    /// connected to. False: there is no room, and the call goes on after `SocketWaker.outgoing`. One that is longer than
    /// `BaseDescription` says (EMSGSIZE), goes to a name (EAFNOSUPPORT) or nowhere (EDESTADDRREQ), or has control data beyond
    /// traffic class and hop limit (EOPNOTSUPP) doesn't come here. One thread at a time; must not block.
    func send(_ datagram: Outgoing, to destination: Address, _ state: borrowing State) throws(Failure) -> Bool

    /// The remote address of a datagram socket is being fixed (connect, WSPConnect): answers the socket address that it is
    /// from now on. The SDK sends there what names no destination, and lets nobody else's datagrams be received. Unless the
    /// base says otherwise, that is the address itself, and a name fails with EAFNOSUPPORT. Here a base binds a socket that
    /// isn't bound. Any thread; must not block.
    func fixRemote(_ address: Address, _ state: borrowing State) throws(Failure) -> Address
}

extension SendsDatagrams where Self: ~Copyable {
    /// The address itself.
    public func fixRemote(_ address: Address, _ state: borrowing State) throws(Failure) -> Address {
        guard address.name == nil else { throw Failure(EAFNOSUPPORT) }
        return address
    }
}

/// Receives datagrams (recvfrom, recvmmsg, WskReceiveFrom, WSPRecvFrom), on sockets that are opened for them.
public protocol ReceivesDatagrams: Base, ~Copyable {
    /// Puts the datagram that has waited longest into the room, with its sender, and takes it out of the transport. False:
    /// none waits, and this is called again after `SocketWaker.incoming`. A failure ends one call; an
    /// indication passes it over. One thread at a time; must
    /// not block.
    func receive(into room: inout DatagramRoom, _ state: borrowing State) throws(Failure) -> Bool
}
