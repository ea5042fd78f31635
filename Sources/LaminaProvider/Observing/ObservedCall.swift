public import CLamina

/// A call that is about to be passed on, or an event, as a layer that observes sees it. It lasts as long as `begins`.
public struct ObservedCall<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    /// Which entry or event it is.
    public let entry: Entry
    /// What it says.
    public let arguments: ObservedArguments

    @inlinable @_lifetime(copy arguments)
    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ entry: Entry, _ arguments: ObservedArguments) {
        self.slot = slot
        self.entry = entry
        self.arguments = arguments
    }

    /// The same of another type: what the SDK, which doesn't know the layer's, hands to it.
    @inlinable @_lifetime(copy other)
    init<Other: ~Copyable>(_ other: borrowing ObservedCall<Other>) {
        self.init(other.slot, other.entry, other.arguments)
    }

    /// The socket; of a call of the chain itself, the chain.
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }

    /// Runs `body` with the socket's state; nil in a call of the chain itself.
    public func withState<Result>(_ body: (borrowing State) -> Result) -> Result? {
        entry.isOfChain ? nil : body(Part.state(of: slot).pointee)
    }
}

/// What a call or event says, each in its own way.
public enum ObservedArguments: ~Escapable {
    /// A socket opens.
    case open(Opening)
    /// A socket closes.
    case close
    /// An option, an ioctl or an extension, of a socket or of the chain itself.
    case control(ControlOperation)
    /// A bind to this address.
    case bind(ObservedAddress)
    /// The start of listening.
    case listen(backlog: UInt32)
    /// An accept.
    case accept
    /// The answer to an inspection that was left pending.
    case inspectComplete(InspectionVerdict)
    /// A connect to this address.
    case connect(ObservedAddress, ConnectFlags)
    /// A connect that sends the first bytes.
    case connectWithData(ObservedAddress, Outgoing)
    /// A question for the socket's own address.
    case localAddress
    /// A question for the peer's address.
    case remoteAddress
    /// A send on a connection.
    case send(Outgoing)
    /// A receive on a connection.
    case receive(Incoming)
    /// A datagram on its way out.
    case sendTo(OutgoingDatagram)
    /// A receive of one datagram.
    case receiveFrom(IncomingDatagram)
    /// Several datagrams on their way out.
    case sendMessages(Datagrams)
    /// A receive of several datagrams.
    case receiveMessages(Datagrams)
    /// The end of one or both directions, with the last data.
    case disconnect(DisconnectFlags, Outgoing)
    /// Retained data on their way back.
    case release(IndicatedData)
    /// A change of the indications that the level above wants.
    case enableIndications(IndicationSet, clear: IndicationSet)
    /// A question for the state of a socket that goes to another process.
    case exportState
    /// A socket that came from another process, with so many bytes of state.
    case adoptState(byteCount: Int)
    /// A question for the addresses of a name.
    case resolve(NameQuestion)
    /// A question for the name of an address.
    case reverseResolve(AddressQuestion)
    /// A connection was taken.
    case acceptEvent(AcceptEvent)
    /// A connection that may be refused.
    case inspectEvent(InspectEvent)
    /// A connection that was inspected is gone.
    case abortEvent(AbortEvent)
    /// Data came on a connection.
    case receiveEvent(ReceiveEvent)
    /// Datagrams came.
    case receiveFromEvent(ReceiveFromEvent)
    /// The peer ended its sending direction, or reset.
    case disconnectEvent(DisconnectEvent)
    /// How many bytes a sender should keep under way has changed.
    case sendBacklogEvent(SendBacklogEvent)
}

/// An address that a call was made with (`lamina_address`).
public struct ObservedAddress: ~Escapable {
    private let address: UnsafePointer<lamina_address>

    @_lifetime(immortal)
    init(_ address: UnsafePointer<lamina_address>) { self.address = address }

    /// It. A copy.
    public var value: Address { Address(address.pointee) }
}

/// What becomes of a connection that is inspected (`LAMINA_INSPECT_…`).
public enum InspectionVerdict: Sendable {
    /// It is refused.
    case reject
    /// It is accepted.
    case accept
    /// That is said later.
    case pend

    @usableFromInline
    init(_ action: UInt32) {
        switch Int(action) {
        case LAMINA_INSPECT_REJECT: self = .reject
        case LAMINA_INSPECT_ACCEPT: self = .accept
        default: self = .pend
        }
    }
}
