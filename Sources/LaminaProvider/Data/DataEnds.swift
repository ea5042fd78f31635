/// Sees how every call that sends data ended, whichever entry it was, later ones included: one function for the class.
public protocol DataOutEnds: ConnectWithDataEnds, SendEnds, SendToEnds, SendMessagesEnds, DisconnectEnds, ~Copyable {
    /// Runs once for each, whoever ended it and how; `ending.moved` is what went out. Any thread; must not block.
    func dataOutEnded(_ ending: borrowing Ending<State>)
}

extension DataOutEnds where Self: ~Copyable {
    /// As `dataOutEnded`.
    public func connectWithDataEnded(_ ending: borrowing Ending<State>) {
        dataOutEnded(ending)
    }
    /// As `dataOutEnded`.
    public func sendEnded(_ ending: borrowing Ending<State>) { dataOutEnded(ending) }
    /// As `dataOutEnded`.
    public func sendToEnded(_ ending: borrowing Ending<State>) { dataOutEnded(ending) }
    /// As `dataOutEnded`.
    public func sendMessagesEnded(_ ending: borrowing Ending<State>) {
        dataOutEnded(ending)
    }
    /// As `dataOutEnded`.
    public func disconnectEnded(_ ending: borrowing Ending<State>) {
        dataOutEnded(ending)
    }
}

/// Sees how every call that receives data ended, whichever entry it was, later ones included: one function for the class.
/// Data that is indicated comes by `ReceiveEvents` and `ReceiveFromEvents`.
public protocol DataInEnds: ReceiveEnds, ReceiveFromEnds, ReceiveMessagesEnds, ~Copyable {
    /// Runs once for each, whoever ended it and how; `ending.moved` is what came in. Any thread; must not block.
    func dataInEnded(_ ending: borrowing Ending<State>)
}

extension DataInEnds where Self: ~Copyable {
    /// As `dataInEnded`.
    public func receiveEnded(_ ending: borrowing Ending<State>) { dataInEnded(ending) }
    /// As `dataInEnded`.
    public func receiveFromEnded(
        _ ending: borrowing Ending<State>,
        _ datagram: ReceivedDatagram
    ) {
        dataInEnded(ending)
    }
    /// As `dataInEnded`.
    public func receiveMessagesEnded(_ ending: borrowing Ending<State>) {
        dataInEnded(ending)
    }
}

/// Wants to know when the calls began whose ends it sees: `ending.elapsed` of a connect, a send and a receive on a connection.
/// Each of them reads the clock then, about 25 ns.
public protocol TimedEnds: Layer, ~Copyable {}
