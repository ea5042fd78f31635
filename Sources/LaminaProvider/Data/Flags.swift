public import CLamina

/// Flags of a send (`LAMINA_SEND_…`).
public struct SendFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// These flags.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Urgent data.
    public static let urgent = SendFlags(rawValue: UInt32(LAMINA_SEND_URGENT))
    /// Don't wait for more data before transmitting.
    public static let noDelay = SendFlags(rawValue: UInt32(LAMINA_SEND_NO_DELAY))
}

/// Flags of a receive (`LAMINA_RECEIVE_…`).
public struct ReceiveFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// These flags.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Urgent data.
    public static let urgent = ReceiveFlags(rawValue: UInt32(LAMINA_RECEIVE_URGENT))
    /// Complete when the buffers are full, the stream ends, or the request is cancelled.
    public static let waitAll = ReceiveFlags(rawValue: UInt32(LAMINA_RECEIVE_WAIT_ALL))
    /// With no buffers: discard what comes until the stream ends.
    public static let drain = ReceiveFlags(rawValue: UInt32(LAMINA_RECEIVE_DRAIN))
    /// Leave the data where it is.
    public static let peek = ReceiveFlags(rawValue: UInt32(LAMINA_RECEIVE_PEEK))
    /// Take what the transport reports about datagrams that were sent.
    public static let reports = ReceiveFlags(rawValue: UInt32(LAMINA_RECEIVE_REPORTS))
}

/// Flags of a connect (`LAMINA_CONNECT_…`).
public struct ConnectFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// These flags.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Of a datagram socket: only say where datagrams go that name no destination.
    public static let sendOnly = ConnectFlags(rawValue: UInt32(LAMINA_CONNECT_SEND_ONLY))
}

/// How a disconnect ends a connection (`LAMINA_DISCONNECT_…`); empty: graceful, the sending direction only.
public struct DisconnectFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// These flags.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Resets.
    public static let abortive = DisconnectFlags(rawValue: UInt32(LAMINA_DISCONNECT_ABORTIVE))
    /// Stop receiving as well.
    public static let receive = DisconnectFlags(rawValue: UInt32(LAMINA_DISCONNECT_RECEIVE))
    /// Leave the sending direction open.
    public static let keepSending = DisconnectFlags(rawValue: UInt32(LAMINA_DISCONNECT_KEEP_SENDING))
}

/// Which indications a level above wants: `1 << LAMINA_INDICATION_…`.
public struct IndicationSet: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// These indications.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Connections.
    public static let accept = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_ACCEPT))
    /// Connections before they are accepted.
    public static let inspect = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_INSPECT))
    /// Connections that ended while they were inspected.
    public static let abort = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_ABORT))
    /// A connection's data.
    public static let receive = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_RECEIVE))
    /// Datagrams.
    public static let receiveFrom = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_RECEIVE_FROM))
    /// The end of the peer's sending.
    public static let disconnect = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_DISCONNECT))
    /// How much to keep under way.
    public static let sendBacklog = IndicationSet(rawValue: 1 << UInt32(LAMINA_INDICATION_SEND_BACKLOG))

    /// Whether it has this event; false of a call.
    public func contains(_ event: Entry) -> Bool {
        event.isEvent && rawValue >> UInt32(event.index - LAMINA_ENTRY_COUNT) & 1 != 0
    }
}

/// Names one pending inspection (`lamina_inspect_id`).
public struct InspectionID: Hashable, Sendable {
    /// What the base knows it by.
    public let key: UInt64
    /// Which of those that had this key.
    public let serial: UInt64

    init(_ id: lamina_inspect_id) {
        key = id.key
        serial = id.serial
    }

    @usableFromInline var c: lamina_inspect_id { lamina_inspect_id(key: key, serial: serial) }
}
