import CLamina
import Glibc
import LaminaProvider

/// How an operation ended, for its line.
struct Outcome {
    var status: Int32
    var bytes: UInt64 = 0
    var wasPending = false
    var failedLevel: UnsafePointer<CChar>?
    /// The number of the socket that an accept gave.
    var accepted: UInt64?
}

/// Writes lines: when, who, which socket, what, with what result, how long.
enum TraceLine {
    /// Writes the line of a call whose request has ended.
    static func write(
        _ operation: OperationPointer,
        _ slot: Slot,
        _ request: Request,
        _ level: UnsafeMutablePointer<Trace>
    ) {
        let isAccept = operation.pointee.number == UInt32(LAMINA_ENTRY_ACCEPT)
        let outcome = Outcome(
            status: request.pointee.status,
            bytes: request.pointee.bytes,
            wasPending: request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0,
            failedLevel: request.pointee.failed_level,
            accepted: isAccept ? request.pointee.socket?.pointee.column.pointee.serial : nil
        )
        write(operation, slot, outcome, level)
    }

    /// Writes the line of an event that was answered with `status`.
    static func write(
        _ operation: OperationPointer,
        _ slot: Slot,
        _ status: lamina_status,
        _ level: UnsafeMutablePointer<Trace>
    ) {
        write(operation, slot, Outcome(status: status), level)
    }

    private static func write(
        _ operation: OperationPointer,
        _ slot: Slot,
        _ outcome: Outcome,
        _ level: UnsafeMutablePointer<Trace>
    ) {
        let duration = Operation.now - operation.pointee.started
        if !operation.pointee.isEvent {
            operation.takeSample(Self.transferred(operation, outcome), limit: operation.pointee.look.sample)
        }
        withUnsafeTemporaryAllocation(byteCount: 4096 + 6 * operation.pointee.look.sample, alignment: 16) { memory in
            var fields = FieldWriter(line: LineBuffer(memory), isJSON: operation.pointee.look.isJSON)
            if level.pointee.file < 0 {
                fields.line.append("lamina: ")
                fields.line.append(cString: level.pointee.label)
                fields.line.append(": ")
            }
            if operation.pointee.look.isJSON {
                json(&fields, operation, slot, outcome, duration, level)
            } else {
                text(&fields, operation, slot, outcome, duration, level)
            }
            fields.line.endLine()
            level.put(fields.line.bytes, slot)
        }
    }

    /// How many bytes of the kept buffers hold data: what was asked for in a send, what came in a receive.
    private static func transferred(_ operation: OperationPointer, _ outcome: Outcome) -> UInt64 {
        let entry = lamina_describe_entry(operation.pointee.number).pointee
        if entry.classes & UInt32(LAMINA_CLASS_DATA_IN) == 0 { return operation.pointee.size }
        return operation.pointee.messages.map { outcome.bytes > 0 ? $0.pointee.bytes : 0 } ?? outcome.bytes
    }

    private static func text(
        _ fields: inout FieldWriter,
        _ operation: OperationPointer,
        _ slot: Slot,
        _ outcome: Outcome,
        _ duration: Int64,
        _ level: UnsafeMutablePointer<Trace>
    ) {
        let begin = fields.line.column
        clock(&fields.line, before: duration, isJSON: false)
        fields.line.append(" ")
        let origin = slot.pointee.column.pointee.origin
        if let program = program(origin) {
            fields.foreignText(program)
        }
        fields.line.append("[")
        fields.line.append(signed: Int64(origin?.pointee.process ?? getpid()))
        fields.line.append("] #")
        fields.line.append(number: slot.pointee.column.pointee.serial)
        fields.line.pad(to: begin + 34)
        if operation.pointee.isEvent { fields.line.append("event ") }
        fields.line.append(cString: operation.name)
        if operation.pointee.isEvent {
            fields.event(operation)
        } else {
            fields.line.pad(to: begin + 46)
            // Each field puts a blank before itself.
            fields.arguments(of: operation)
        }
        fields.line.pad(to: begin + 70)
        fields.line.append("=")
        fields.result(operation, outcome)
        fields.line.append(" in ")
        fields.line.append(nanoseconds: duration)
        let sample = operation.sample
        guard !sample.isEmpty else { return }
        fields.line.append("  ")
        if operation.pointee.look.data == .hex {
            for (index, byte) in sample.enumerated() {
                if index > 0 { fields.line.append(" ") }
                fields.line.append(hex: byte)
            }
        } else {
            fields.line.append("\"")
            fields.line.append(escaped: sample)
            fields.line.append("\"")
        }
        if UInt64(sample.count) < Self.shown(operation, outcome) { fields.line.append("...") }
    }

    /// How many bytes there are of which the sample shows the first.
    private static func shown(_ operation: OperationPointer, _ outcome: Outcome) -> UInt64 {
        operation.pointee.isEvent ? operation.pointee.size : transferred(operation, outcome)
    }

    private static func json(
        _ fields: inout FieldWriter,
        _ operation: OperationPointer,
        _ slot: Slot,
        _ outcome: Outcome,
        _ duration: Int64,
        _ level: UnsafeMutablePointer<Trace>
    ) {
        fields.line.append("{\"time\":\"")
        clock(&fields.line, before: duration, isJSON: true)
        fields.line.append("\"")
        let origin = slot.pointee.column.pointee.origin
        if let program = program(origin) { fields.foreign("program", program) }
        fields.number("pid", Int64(origin?.pointee.process ?? getpid()))
        fields.number("socket", Int64(clamping: slot.pointee.column.pointee.serial))
        fields.foreign("layer", level.pointee.label)
        if operation.pointee.isEvent {
            fields.word("event", cString: operation.name)
            fields.event(operation)
        } else {
            fields.word("call", cString: operation.name)
            fields.arguments(of: operation)
        }
        fields.number("status", Int64(outcome.status))
        fields.result(operation, outcome)
        if outcome.wasPending { fields.flag("pended") }
        fields.number("duration_ns", duration)
        if operation.pointee.look.data == .hex, !operation.sample.isEmpty {
            fields.quoted("data") { line in operation.sample.forEach { line.append(hex: $0) } }
        } else if operation.pointee.look.data == .text, !operation.sample.isEmpty {
            fields.quoted("data") { $0.append(json: operation.sample) }
        }
        fields.line.append("}")
    }

    /// The moment when the operation began: local time of day, or date and time in UTC.
    private static func clock(_ line: inout LineBuffer, before duration: Int64, isJSON: Bool) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let began = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) - duration
        var seconds = time_t(began / 1_000_000_000)
        var parts = tm()
        if isJSON {
            gmtime_r(&seconds, &parts)
            line.append(number: UInt64(clamping: Int64(parts.tm_year) + 1900), digits: 4)
            line.append("-")
            line.append(number: UInt64(clamping: parts.tm_mon + 1), digits: 2)
            line.append("-")
            line.append(number: UInt64(clamping: parts.tm_mday), digits: 2)
            line.append("T")
        } else {
            localtime_r(&seconds, &parts)
        }
        line.append(number: UInt64(clamping: parts.tm_hour), digits: 2)
        line.append(":")
        line.append(number: UInt64(clamping: parts.tm_min), digits: 2)
        line.append(":")
        line.append(number: UInt64(clamping: parts.tm_sec), digits: 2)
        line.append(".")
        line.append(number: UInt64(clamping: began % 1_000_000_000 / 1_000), digits: 6)
        if isJSON { line.append("Z") }
    }

    /// The executable's name without its folders.
    private static func program(_ origin: UnsafePointer<lamina_origin>?) -> UnsafePointer<CChar>? {
        guard let path = origin?.pointee.executable else { return nil }
        guard let slash = strrchr(path, Int32(UInt8(ascii: "/"))) else { return path }
        return UnsafePointer(slash) + 1
    }
}

extension FieldWriter {
    /// How the operation ended.
    mutating func result(_ operation: OperationPointer, _ outcome: Outcome) {
        guard outcome.status >= 0 else {
            quoted("error") { $0.append(errno: outcome.status) }
            if let level = outcome.failedLevel { foreign("failed_level", level, before: "from ") }
            let entry = lamina_describe_entry(operation.pointee.number).pointee
            if !operation.pointee.isEvent, outcome.bytes > 0, entry.triggers != 0 {
                count("bytes", outcome.bytes, before: "after ", of: "byte")
            }
            return
        }
        if operation.pointee.isEvent {
            eventResult(operation, outcome)
            return
        }
        switch Int(operation.pointee.number) {
        case LAMINA_ENTRY_ACCEPT:
            number("accepted", Int64(clamping: outcome.accepted ?? 0), before: "#")
            answer(operation, before: "from ")
        case LAMINA_ENTRY_LOCAL_ADDRESS, LAMINA_ENTRY_REMOTE_ADDRESS: answer(operation)
        case LAMINA_ENTRY_RECEIVE_FROM:
            count("bytes", outcome.bytes, of: "byte")
            answer(operation, before: "from ")
        case LAMINA_ENTRY_RECEIVE_MESSAGES: datagrams(operation, outcome)
        case LAMINA_ENTRY_RECEIVE:
            count("bytes", outcome.bytes, of: "byte")
            if outcome.bytes == 0, operation.pointee.size > 0 { flag("end") }
        case LAMINA_ENTRY_SEND, LAMINA_ENTRY_SEND_TO, LAMINA_ENTRY_SEND_MESSAGES,
            LAMINA_ENTRY_CONNECT_WITH_DATA:
            count("bytes", outcome.bytes, of: "byte")
        case LAMINA_ENTRY_RESOLVE:
            guard let query = operation.pointee.query else { return }
            count("addresses", UInt64(query.pointee.count), of: "result")
            if query.pointee.count > 0 { address("first", query.pointee.addresses, before: "") }
        case LAMINA_ENTRY_REVERSE_RESOLVE:
            guard let query = operation.pointee.reverseQuery else { return }
            withUnsafeBytes(of: &query.pointee.name) { name in
                guard let text = name.assumingMemoryBound(to: CChar.self).baseAddress else { return }
                foreign("name", text)
            }
        default: if !isJSON { line.append(" 0") }
        }
    }

    private mutating func eventResult(_ operation: OperationPointer, _ outcome: Outcome) {
        if Int(operation.pointee.number) == LAMINA_INDICATION_INSPECT {
            verdict("answer", operation.pointee.flags)
        } else if outcome.status == LAMINA_PENDING {
            word("answer", "kept")
        } else if !isJSON {
            line.append(" 0")
        }
    }

    private mutating func datagrams(_ operation: OperationPointer, _ outcome: Outcome) {
        var bytes: UInt64 = 0
        for index in 0..<Int(min(outcome.bytes, UInt64(operation.pointee.detail))) {
            bytes += operation.pointee.messages?[index].bytes ?? 0
        }
        count("received", outcome.bytes, of: "datagram")
        count("bytes", bytes, of: "byte")
        answer(operation, before: "from ")
    }

    private mutating func answer(_ operation: OperationPointer, before: StaticString = "") {
        if let answered = operation.pointee.answered { address("result", answered, before: before) }
    }
}

extension OperationPointer {
    /// The entry's or indication's name.
    fileprivate var name: UnsafePointer<CChar> {
        pointee.isEvent
            ? lamina_describe_indication(pointee.number).pointee.name
            : lamina_describe_entry(pointee.number).pointee.name
    }
}

extension UnsafeMutablePointer<Trace> {
    /// Puts out one whole line.
    fileprivate func put(_ bytes: UnsafeRawBufferPointer, _ slot: Slot) {
        guard let base = bytes.baseAddress else { return }
        guard pointee.file >= 0 else {
            pointee.upcalls.pointee.output(slot, base.assumingMemoryBound(to: CChar.self), bytes.count)
            return
        }
        guard write(pointee.file, base, bytes.count) != bytes.count, !pointee.lost else { return }
        pointee.lost = true
        let cause = errno
        LineBuffer.log(slot, LAMINA_LOG_ERROR, "lines can't be written to the file and are lost: ", cause: cause)
    }
}
