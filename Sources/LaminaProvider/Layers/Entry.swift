public import CLamina

/// One function of the dispatch table, or one event (`lamina_entry_description`).
public struct Entry: Hashable, Sendable {
    /// Its place among all: calls come first, in the order of the dispatch table (`LAMINA_ENTRY_…`), then events
    /// (`LAMINA_INDICATION_…`).
    public let index: Int

    @inlinable @inline(__always)
    init(_ index: Int) { self.index = index }

    @inlinable @inline(__always)
    init(event number: Int) { index = LAMINA_ENTRY_COUNT + number }

    /// How many there are.
    public static let count = LAMINA_ENTRY_COUNT + LAMINA_INDICATION_COUNT
    /// All, in their order.
    public static var all: some Sequence<Entry> { (0..<count).lazy.map { Entry($0) } }

    /// What it is called, `send` or `send_backlog`; an event may have an entry's name.
    public var name: String { String(cString: known.name) }
    /// Whether it is an event rather than a call.
    public var isEvent: Bool { index >= LAMINA_ENTRY_COUNT }
    /// Whether it is a call of the chain itself rather than of a socket.
    public var isOfChain: Bool { known.chain != 0 }
    /// What it does.
    public var classes: Classes { Classes(rawValue: known.classes) }
    /// The classes of which a level gets everything that sees it.
    public var links: Classes { Classes(rawValue: known.triggers) }

    /// What is known of it.
    var known: lamina_entry_description {
        isEvent
            ? lamina_describe_indication(UInt32(index - LAMINA_ENTRY_COUNT)).pointee
            : lamina_describe_entry(UInt32(index)).pointee
    }
}

extension Entry {
    /// What entries and events do (`LAMINA_CLASS_…`).
    public struct Classes: OptionSet, Sendable {
        /// The bits.
        public let rawValue: UInt32
        /// These classes.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Data that go out.
        public static let dataOut = Classes(rawValue: UInt32(LAMINA_CLASS_DATA_OUT))
        /// Data that come in.
        public static let dataIn = Classes(rawValue: UInt32(LAMINA_CLASS_DATA_IN))
        /// Where it goes.
        public static let destination = Classes(rawValue: UInt32(LAMINA_CLASS_DESTINATION))
        /// Names and addresses.
        public static let name = Classes(rawValue: UInt32(LAMINA_CLASS_NAME))
        /// What else is done with a socket.
        public static let control = Classes(rawValue: UInt32(LAMINA_CLASS_CONTROL))
        /// Its begin and its end.
        public static let lifetime = Classes(rawValue: UInt32(LAMINA_CLASS_LIFETIME))
    }
}

// The calls.
extension Entry {
    /// `open`.
    @inlinable public static var open: Entry { Entry(LAMINA_ENTRY_OPEN) }
    /// `close`.
    @inlinable public static var close: Entry { Entry(LAMINA_ENTRY_CLOSE) }
    /// `control`.
    @inlinable public static var control: Entry { Entry(LAMINA_ENTRY_CONTROL) }
    /// `bind`.
    @inlinable public static var bind: Entry { Entry(LAMINA_ENTRY_BIND) }
    /// `listen`.
    @inlinable public static var listen: Entry { Entry(LAMINA_ENTRY_LISTEN) }
    /// `accept`.
    @inlinable public static var accept: Entry { Entry(LAMINA_ENTRY_ACCEPT) }
    /// `inspect_complete`.
    @inlinable public static var inspectComplete: Entry { Entry(LAMINA_ENTRY_INSPECT_COMPLETE) }
    /// `connect`.
    @inlinable public static var connect: Entry { Entry(LAMINA_ENTRY_CONNECT) }
    /// `connect_with_data`.
    @inlinable public static var connectWithData: Entry { Entry(LAMINA_ENTRY_CONNECT_WITH_DATA) }
    /// `local_address`.
    @inlinable public static var localAddress: Entry { Entry(LAMINA_ENTRY_LOCAL_ADDRESS) }
    /// `remote_address`.
    @inlinable public static var remoteAddress: Entry { Entry(LAMINA_ENTRY_REMOTE_ADDRESS) }
    /// `send`.
    @inlinable public static var send: Entry { Entry(LAMINA_ENTRY_SEND) }
    /// `receive`.
    @inlinable public static var receive: Entry { Entry(LAMINA_ENTRY_RECEIVE) }
    /// `send_to`.
    @inlinable public static var sendTo: Entry { Entry(LAMINA_ENTRY_SEND_TO) }
    /// `receive_from`.
    @inlinable public static var receiveFrom: Entry { Entry(LAMINA_ENTRY_RECEIVE_FROM) }
    /// `send_messages`.
    @inlinable public static var sendMessages: Entry { Entry(LAMINA_ENTRY_SEND_MESSAGES) }
    /// `receive_messages`.
    @inlinable public static var receiveMessages: Entry { Entry(LAMINA_ENTRY_RECEIVE_MESSAGES) }
    /// `disconnect`.
    @inlinable public static var disconnect: Entry { Entry(LAMINA_ENTRY_DISCONNECT) }
    /// `release`.
    @inlinable public static var release: Entry { Entry(LAMINA_ENTRY_RELEASE) }
    /// `enable_indications`.
    @inlinable public static var enableIndications: Entry { Entry(LAMINA_ENTRY_ENABLE_INDICATIONS) }
    /// `export_state`.
    @inlinable public static var exportState: Entry { Entry(LAMINA_ENTRY_EXPORT_STATE) }
    /// `adopt_state`.
    @inlinable public static var adoptState: Entry { Entry(LAMINA_ENTRY_ADOPT_STATE) }
    /// `resolve`.
    @inlinable public static var resolve: Entry { Entry(LAMINA_ENTRY_RESOLVE) }
    /// `reverse_resolve`.
    @inlinable public static var reverseResolve: Entry { Entry(LAMINA_ENTRY_REVERSE_RESOLVE) }
    /// `provider_control`.
    @inlinable public static var providerControl: Entry { Entry(LAMINA_ENTRY_PROVIDER_CONTROL) }
}

// The events.
extension Entry {
    /// The event `accept`.
    @inlinable public static var acceptEvent: Entry { Entry(event: LAMINA_INDICATION_ACCEPT) }
    /// The event `inspect`.
    @inlinable public static var inspectEvent: Entry { Entry(event: LAMINA_INDICATION_INSPECT) }
    /// The event `abort`.
    @inlinable public static var abortEvent: Entry { Entry(event: LAMINA_INDICATION_ABORT) }
    /// The event `receive`.
    @inlinable public static var receiveEvent: Entry { Entry(event: LAMINA_INDICATION_RECEIVE) }
    /// The event `receive_from`.
    @inlinable public static var receiveFromEvent: Entry { Entry(event: LAMINA_INDICATION_RECEIVE_FROM) }
    /// The event `disconnect`.
    @inlinable public static var disconnectEvent: Entry { Entry(event: LAMINA_INDICATION_DISCONNECT) }
    /// The event `send_backlog`.
    @inlinable public static var sendBacklogEvent: Entry { Entry(event: LAMINA_INDICATION_SEND_BACKLOG) }
}
