import CLamina
import Glibc

/// Offers codecs to the framework, as `offer(_:)` does layers.
public func offer(_ codecs: any StreamCodec.Type...) {
    for codec in codecs {
        let own = Immortal.copy(CodecThunks.type(codec))
        let about = codec.about.inStreams
        Plugin.add(Plugin.Offered(describe: { ProviderDescription(about, $0) }) { BaseType.instantiate(own, $0, $1) })
    }
}

/// A codec's level: to its own sockets a base, whose transport is what stands below it.
struct CodecLevel<Codec: StreamCodec>: Sends, Receives, Disconnects, HasFlow {
    static var about: BaseDescription { BaseDescription(Codec.about.name, settings: Codec.about.settings) }

    struct State: ~Copyable, Sendable { let flow: FlowOf<Codec.Encoder, Codec.Decoder> }

    private let codec: Codec
    private let level: Level

    init(_ level: Level) throws(Failure) {
        codec = try Codec(level)
        self.level = level
    }

    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) throws(Failure) -> State {
        let encoder = try codec.makeEncoder(socket)
        return State(flow: FlowOf(encoder, try codec.makeDecoder(socket), socket, waker, level))
    }

    func send(_ data: Outgoing, _ state: borrowing State) throws(Failure) -> Int { try state.flow.send(data) }

    func receive(into room: inout ReceiveRoom, _ state: borrowing State) throws(Failure) -> StreamProgress {
        try state.flow.receive(into: &room)
    }

    func disconnect(_ directions: StreamDirections, _ state: borrowing State) throws(Failure) {
        // What is received is this level's alone to end: the levels below go on to hold the peer up.
        guard directions.contains(.sending) else { return }
        try state.flow.finish(directions.contains(.receiving) ? UInt32(LAMINA_DISCONNECT_RECEIVE) : 0)
    }

    func reset(_ state: borrowing State) { state.flow.reset() }
}

/// The flow with its coders.
final class FlowOf<Encoder: ByteCoder & ~Copyable, Decoder: ByteCoder & ~Copyable>: CodecFlow, @unchecked Sendable {
    // Behind the flow's lock.
    private let encoder = UnsafeMutablePointer<Encoder>.allocate(capacity: 1)
    private let decoder = UnsafeMutablePointer<Decoder>.allocate(capacity: 1)

    init(
        _ encoder: consuming Encoder,
        _ decoder: consuming Decoder,
        _ socket: borrowing Socket,
        _ waker: SocketWaker,
        _ level: Level
    ) {
        self.encoder.initialize(to: encoder)
        self.decoder.initialize(to: decoder)
        super.init(socket, waker, level)
    }

    deinit {
        encoder.deinitialize(count: 1)
        encoder.deallocate()
        decoder.deinitialize(count: 1)
        decoder.deallocate()
    }

    override func encode(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure) {
        try encoder.pointee.code(bytes, isLast: isLast, into: &output)
    }

    override func decode(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure) {
        try decoder.pointee.code(bytes, isLast: isLast, into: &output)
    }
}

/// A base whose transport is the levels below.
protocol HasFlow: Base, ~Copyable {
    static func flow(_ socket: UnsafeMutablePointer<BaseSocket>) -> CodecFlow
}

extension CodecLevel {
    static func flow(_ socket: UnsafeMutablePointer<BaseSocket>) -> CodecFlow {
        socket.state(of: Self.self).pointee.flow
    }
}

/// The table's functions of a codec, beside those that it has as a base.
enum CodecThunks {
    static func type<Codec: StreamCodec>(_ codec: Codec.Type) -> BaseType { BaseType(CodecLevel<Codec>.self, fill) }

    private static func fill(_ table: inout lamina_table) {
        table.open = { CodecThunks.open($0, $1, $2) }
        table.close = { CodecThunks.close($0, $1) }
        table.connect = { CodecThunks.connect($0, $1, $2, $3) }
        table.enable_indications = { CodecThunks.enable($0, $1, $2, $3) }
        // The addresses are the levels' below.
        table.local_address = nil
        table.remote_address = nil
    }

    private static func open(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ arguments: UnsafePointer<lamina_open_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let status = BaseLifetime.begin(slot, arguments)
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        if Opening(arguments).isFromBelow, Socket(slot).isConnectedBelow { slot.base?.mark(.connected) }
        guard Frame.push(slot, request, opened, nil) else {
            end(slot)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_open(slot, arguments, request)
    }

    private static let opened: lamina_completion = { slot, request, _ in
        if let slot, request.pointee.status < 0 { end(slot) }
        return 0
    }

    private static func end(_ slot: UnsafeMutablePointer<lamina_slot>) {
        guard let socket = slot.base else { return }
        slot.pointee.context = nil
        socket.destroy()
    }

    private static func connect(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard Frame.push(slot, request, connected, nil) else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return lamina_connect(slot, address, flags, request)
    }

    private static let connected: lamina_completion = { slot, request, _ in
        guard request.pointee.status >= 0, let socket = slot?.base, socket.mark(.connected) else { return 0 }
        socket.connected()
        return 0
    }

    private static func enable(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ set: UInt32,
        _ clear: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        // A listener's events aren't the codec's.
        let data = UnsafeMutablePointer<Indicator>.known(isDatagram: false)
        guard (set | clear) & ~data == 0 else { return lamina_enable_indications(slot, set, clear, request) }
        return BaseEvents.enable(slot, set, clear, request)
    }

    private static func close(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base, let type = socket.pointee.type.pointee.type as? any HasFlow.Type else {
            return lamina_close(slot, request)
        }
        slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
        socket.input.fail(-ECANCELED)
        socket.output.fail(-ECANCELED)
        type.flow(socket).close {
            BaseLifetime.close(socket, request) { slot, request in _ = lamina_close(slot, request) }
        }
        return LAMINA_PENDING
    }
}

extension LayerDescription {
    /// The same of a layer that changes streams, whose sockets stay where they are.
    fileprivate var inStreams: LayerDescription {
        var about = self
        (about.categories, about.effect, about.handoff) = (.streams, .transform, .none)
        return about
    }
}
