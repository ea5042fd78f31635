import LaminaProvider

/// Writes one line for every call and event that crosses it, or the packets that they would have been.
struct Trace: Layer, ObservesCalls, ChoosesEntries, Reconfigures {
    static let format = Setting<Look.Format>.choice(
        "format",
        default: "text",
        live: true,
        help: "lines for people, or one JSON object a line"
    )
    static let data = Setting<Look.Data>.choice(
        "data",
        default: "sizes",
        live: true,
        help: "what is shown of data calls: nothing (they pass the layer by), sizes, or the first bytes"
    )
    static let bytes = Setting<Int>.size(
        "bytes",
        default: "32",
        live: true,
        help: "how many bytes data=text and data=hex show, up to 64k"
    )
    static let only = Setting<[String]>.choices(
        "entries",
        among: Filter.names,
        help: "only these: classes of entries, events, single entries and events"
    )
    static let errors = Setting<Bool>.flag("errors", live: true, help: "only what failed")
    static let file = Setting<String>.path(
        "file",
        help: "append the lines to this file, without the lamina: and label that they have elsewhere"
    )
    static let pcap = Setting<String>.path(
        "pcap",
        help: "write what crosses the level as packets into this file, as pcapng, and no lines"
    )
    static let about = LayerDescription(
        "trace",
        effect: .observe,
        summary: "one line for every call and event that crosses the chain",
        uuid: "5d1a3c1e-7a52-4a38-9b0e-2f6f3c1d7e01",
        phase: .inspector,
        settings: [format, data, bytes, only, errors, file, pcap]
    )

    /// What a socket's packets are written of, where packets are.
    struct State: ~Copyable, Sendable { let flow: Flow? }

    /// What is kept of a call or event.
    enum Note {
        case line(Operation)
        indirect case packets(CapturedCall)
    }

    private let lines: Lines
    private let capture: Capture?

    init(_ level: Level) throws(Failure) {
        guard level[Self.bytes] <= Look.mostBytes else { throw Failure(22, "bytes is more than 64k; give less") }
        capture = level.has(Self.pcap) ? try Capture(level[Self.pcap], level) : nil
        lines = try Lines(level)
    }

    func makeState(_ socket: borrowing Socket) -> State { State(flow: capture?.flow(socket)) }

    var entries: EntrySet { capture == nil ? lines.filter.shown : Capture.entries }
    var passesOthersOn: Bool { capture == nil }
    var asksForSenders: Bool { capture != nil }

    func begins(_ call: borrowing ObservedCall<State>) -> Note? {
        guard let capture else { return lines.begins(call).map { .line($0) } }
        return capture.begins(call).map { .packets($0) }
    }

    func ended(_ note: Note, _ ending: borrowing ObservedEnd<State>) {
        switch note {
        case .line(let operation): lines.ended(operation, ending)
        case .packets(let call): capture?.ended(call, ending)
        }
    }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) { try lines.reconfigure(level) }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Trace.self) }
