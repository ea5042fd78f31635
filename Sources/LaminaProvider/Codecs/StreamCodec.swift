/// A layer that turns the bytes of a connection into others, fewer or more: compression, escapes, records, a cipher with
/// check sums. It is two coders for each connection, one a direction; the SDK has the rest. What is sent is encoded and kept
/// until the levels below have taken it; what comes is decoded and kept until it is received. Between the two stand at most
/// so many bytes as the SDK keeps for each direction (64 KiB, and what one turn of a coder makes of them), so that a slow
/// reader holds its sender up, as without the layer.
///
/// A graceful end is encoded (`isLast`), sent behind everything else, and passed on; an end that comes is decoded likewise. A
/// close sends first what was sent before it, for at most a second. Receives, peeks, deadlines, cancels and indications are
/// served from what was decoded. Urgent data and a handoff are refused with `EOPNOTSUPP`. Where bytes keep their number, a
/// `StreamTransform` costs less.
///
/// A description says `effect: .transform`, and a phase.
public protocol StreamCodec: LevelValue, ~Copyable {
    /// What it does to bytes that are sent.
    associatedtype Encoder: ByteCoder, ~Copyable
    /// What it does to bytes that come.
    associatedtype Decoder: ByteCoder, ~Copyable

    /// What the plug-in says about the layer. It stands in streams, whatever its categories say.
    static var about: LayerDescription { get }

    /// The coder of a connection's outgoing bytes. A failure refuses the socket. Any thread; must not block.
    func makeEncoder(_ socket: borrowing Socket) throws(Failure) -> Encoder

    /// The coder of its incoming bytes, likewise.
    func makeDecoder(_ socket: borrowing Socket) throws(Failure) -> Decoder
}

/// Turns one direction of a connection into other bytes.
public protocol ByteCoder: ~Copyable, Sendable {
    /// Takes the stream's next bytes, and appends what they become; what it keeps back comes out with later ones. `isLast`: the
    /// stream ends behind them, and what is kept back is due. A failure ends the direction: its calls fail with the errno. One
    /// thread at a time; must not block.
    mutating func code(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure)
}
