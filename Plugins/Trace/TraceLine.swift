import LaminaProvider

/// Writes lines: when, who, which socket, what, with what result, how long.
enum TraceLine {
    typealias End = ObservedEnd<Trace.State>

    /// The line of a call or event that has ended.
    static func line(
        _ operation: Operation,
        _ ending: borrowing End,
        label: String,
        hasLabel: Bool
    ) -> LineBuffer {
        let duration = Clock.monotonic - operation.started
        var fields = FieldWriter(
            line: LineBuffer(room: 4096 + 6 * operation.look.sample),
            isJSON: operation.look.isJSON
        )
        if hasLabel { fields.line.begin(label) }
        if operation.look.isJSON {
            json(&fields, operation, ending, duration, label)
        } else {
            text(&fields, operation, ending, duration)
        }
        fields.line.endLine()
        return fields.line
    }

    private static func text(
        _ fields: inout FieldWriter,
        _ operation: Operation,
        _ ending: borrowing End,
        _ duration: Int64
    ) {
        let begin = fields.line.column
        fields.line.append(timeOfDay: Clock.wall - duration)
        fields.line.append(" ")
        fields.line.append(ending.socket)
        fields.line.pad(to: begin + 34)
        if operation.entry.isEvent { fields.line.append("event ") }
        fields.line.append(operation.entry)
        if operation.entry.isEvent {
            fields.event(operation)
        } else {
            fields.line.pad(to: begin + 46)
            // Each field puts a blank before itself.
            fields.arguments(of: operation)
        }
        fields.line.pad(to: begin + 70)
        fields.line.append("=")
        fields.result(operation, ending)
        fields.line.append(" in ")
        fields.line.append(nanoseconds: duration)
        let isHex = operation.look.data == .hex
        var shown = 0
        forEachPiece(operation, ending) { piece in
            if shown == 0 {
                fields.line.append(isHex ? "  " : "  \"")
            } else if isHex {
                fields.line.append(" ")
            }
            if isHex { fields.line.append(hex: piece, between: " ") } else { fields.line.append(escaped: piece) }
            shown += piece.byteCount
        }
        guard shown > 0 else { return }
        if !isHex { fields.line.append("\"") }
        if UInt64(shown) < size(operation, ending) { fields.line.append("...") }
    }

    private static func json(
        _ fields: inout FieldWriter,
        _ operation: Operation,
        _ ending: borrowing End,
        _ duration: Int64,
        _ label: String
    ) {
        fields.line.append("{\"time\":\"")
        fields.line.append(date: Clock.wall - duration)
        fields.line.append("\"")
        if let program = ending.socket.program { fields.foreign("program", program) }
        fields.number("pid", Int64(ending.socket.owner))
        fields.number("socket", Int64(clamping: ending.socket.number))
        fields.foreign("layer", label)
        if operation.entry.isEvent {
            fields.word("event", operation.entry)
            fields.event(operation)
        } else {
            fields.word("call", operation.entry)
            fields.arguments(of: operation)
        }
        fields.number("status", Int64(ending.status))
        fields.result(operation, ending)
        if ending.hasPended { fields.flag("pended") }
        fields.number("duration_ns", duration)
        if min(UInt64(operation.look.sample), size(operation, ending)) > 0 {
            let isHex = operation.look.data == .hex
            fields.quoted("data") { line in
                forEachPiece(operation, ending) { piece in
                    if isHex { line.append(hex: piece) } else { line.append(json: piece) }
                }
            }
        }
        fields.line.append("}")
    }

    /// How many bytes of data there are: what was asked for in a send, what came in a receive.
    private static func size(_ operation: Operation, _ ending: borrowing End) -> UInt64 {
        if operation.entry.isEvent || !operation.entry.classes.contains(.dataIn) { return UInt64(operation.size) }
        return operation.entry == .receiveMessages ? ending.datagramBytes.first : ending.bytes
    }

    /// Runs `body` with the bytes that the line shows.
    private static func forEachPiece(
        _ operation: Operation,
        _ ending: borrowing End,
        _ body: (borrowing RawSpan) -> Void
    ) {
        guard operation.entry.isEvent else {
            let count = min(UInt64(operation.look.sample), size(operation, ending))
            return ending.forEachBuffer(first: count, body)
        }
        if !operation.sample.isEmpty { operation.sample.withRawSpan(body) }
    }
}

extension FieldWriter {
    /// How the operation ended.
    mutating func result(_ operation: Operation, _ ending: borrowing TraceLine.End) {
        guard !ending.hasFailed else {
            let status = ending.status
            quoted("error") { $0.append(errno: status) }
            if let level = ending.failedLevel { foreign("failed_level", level, before: "from ") }
            if !operation.entry.isEvent, ending.bytes > 0, !operation.entry.links.isEmpty {
                count("bytes", ending.bytes, before: "after ", of: "byte")
            }
            return
        }
        switch operation.entry {
        case .accept:
            number("accepted", Int64(clamping: ending.acceptedNumber ?? 0), before: "#")
            address("result", ending.address, before: "from ")
        case .localAddress, .remoteAddress: address("result", ending.address)
        case .receiveFrom:
            count("bytes", ending.bytes, of: "byte")
            if case .receive(_, _, true) = operation.said { address("result", ending.address, before: "from ") }
        case .receiveMessages:
            count("received", ending.bytes, of: "datagram")
            count("bytes", ending.datagramBytes.all, of: "byte")
            address("result", ending.address, before: "from ")
        case .receive:
            count("bytes", ending.bytes, of: "byte")
            if ending.bytes == 0, operation.size > 0 { flag("end") }
        case .send, .sendTo, .sendMessages, .connectWithData: count("bytes", ending.bytes, of: "byte")
        case .resolve:
            let found = ending.found
            count("addresses", UInt64(found.count), of: "result")
            address("first", found.first, before: "")
        case .reverseResolve: foreign("name", ending.name)
        case .inspectEvent: verdict("answer", ending.verdict)
        default:
            if ending.isKept {
                word("answer", "kept")
            } else if !isJSON {
                line.append(" 0")
            }
        }
    }
}
