import CLamina
import Glibc
import LaminaProvider
import Synchronization

/// Prints counts: a line for a socket, a table for a level.
enum Report {
    private static let dataOut = UInt32(LAMINA_CLASS_DATA_OUT)
    private static let dataIn = UInt32(LAMINA_CLASS_DATA_IN)

    /// One line for a socket that has closed.
    static func socket(_ counters: Counters, _ slot: Slot, _ level: UnsafeMutablePointer<Level>) {
        withLines(1024) { line in
            begin(&line, level)
            let column = slot.pointee.column
            if let path = column.pointee.origin?.pointee.executable {
                let name = strrchr(path, Int32(UInt8(ascii: "/"))).map { UnsafePointer($0) + 1 } ?? path
                line.append(escaped: UnsafeRawBufferPointer(start: name, count: strlen(name)))
            }
            line.append("[")
            line.append(signed: Int64(column.pointee.origin?.pointee.process ?? getpid()))
            line.append("] #")
            line.append(number: column.pointee.serial)
            line.append(": out ")
            direction(&line, counters, dataOut)
            line.append(", in ")
            direction(&line, counters, dataIn)
            let others = counters.sum { !movesData($0, dataOut) && !movesData($0, dataIn) }
            line.append(", ")
            count(&line, others.calls, "other call")
            let failures = counters.sum { _ in true }.failures
            if failures > 0 {
                line.append(", ")
                line.append(number: failures)
                line.append(" failed")
            }
            line.endLine()
            put(line.bytes, slot, level)
        }
    }

    /// The table of everything that a level has seen.
    static func total(_ counters: Counters, _ level: UnsafeMutablePointer<Level>) {
        withLines(16384) { lines in
            let all = counters.sum { _ in true }
            begin(&lines, level)
            count(&lines, level.pointee.sockets.load(ordering: .relaxed), "socket")
            lines.append(", ")
            count(&lines, all.calls, "call or event", "calls and events")
            lines.append(", ")
            lines.append(number: all.failures)
            lines.append(" failed")
            lines.endLine()
            if all.calls > 0 {
                table(&lines, counters, level)
            }
            put(lines.bytes, level.pointee.slot, level)
        }
    }

    private static func table(
        _ lines: inout LineBuffer,
        _ counters: Counters,
        _ level: UnsafeMutablePointer<Level>
    ) {
        begin(&lines, level)
        lines.append("  entry                      calls    failed       bytes out        bytes in")
        lines.endLine()
        for index in 0..<Counters.count {
            let tally = counters.tally(index)
            guard tally.calls > 0 else { continue }
            begin(&lines, level)
            lines.append("  ")
            let start = lines.column
            name(&lines, index)
            lines.pad(to: start + 22)
            row(
                &lines,
                tally,
                out: movesData(index, dataOut) ? tally.bytes : nil,
                in: movesData(index, dataIn) ? tally.bytes : nil
            )
        }
        begin(&lines, level)
        lines.append("  ")
        let start = lines.column
        lines.append("total")
        lines.pad(to: start + 22)
        row(
            &lines,
            counters.sum { _ in true },
            out: counters.sum { movesData($0, dataOut) }.bytes,
            in: counters.sum { movesData($0, dataIn) }.bytes
        )
    }

    private static func row(_ lines: inout LineBuffer, _ tally: Tally, out: UInt64?, in received: UInt64?) {
        lines.append(number: tally.calls, width: 10)
        lines.append(number: tally.failures, width: 10)
        for bytes in [out, received] {
            if let bytes {
                lines.append(number: bytes, width: 16)
            } else {
                lines.append("               -")
            }
        }
        lines.endLine()
    }

    /// `78 bytes (send 1)`.
    private static func direction(_ line: inout LineBuffer, _ counters: Counters, _ wanted: UInt32) {
        count(&line, counters.sum { movesData($0, wanted) }.bytes, "byte")
        var isFirst = true
        for index in 0..<Counters.count where movesData(index, wanted) {
            let calls = counters.tally(index).calls
            guard calls > 0 else { continue }
            line.append(isFirst ? " (" : ", ")
            name(&line, index)
            line.append(" ")
            line.append(number: calls)
            isFirst = false
        }
        if !isFirst { line.append(")") }
    }

    /// Whether an entry or indication carries data in this direction.
    private static func movesData(_ index: Int, _ direction: UInt32) -> Bool {
        let description = Counters.description(index)
        return description.classes & direction != 0
    }

    private static func name(_ line: inout LineBuffer, _ index: Int) {
        if index >= LAMINA_ENTRY_COUNT { line.append("event ") }
        line.append(cString: Counters.description(index).name)
    }

    private static func count(
        _ line: inout LineBuffer,
        _ number: UInt64,
        _ singular: StaticString,
        _ plural: StaticString? = nil
    ) {
        line.append(number: number)
        line.append(" ")
        if number == 1 {
            line.append(singular)
        } else if let plural {
            line.append(plural)
        } else {
            line.append(singular)
            line.append("s")
        }
    }

    private static func begin(_ line: inout LineBuffer, _ level: UnsafeMutablePointer<Level>) {
        line.append("lamina: ")
        line.append(cString: level.pointee.label)
        line.append(": ")
    }

    private static func withLines(_ size: Int, _ body: (inout LineBuffer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { memory in
            var lines = LineBuffer(memory)
            body(&lines)
        }
    }

    private static func put(_ bytes: UnsafeRawBufferPointer, _ slot: Slot, _ level: UnsafeMutablePointer<Level>) {
        guard let base = bytes.baseAddress else { return }
        level.pointee.upcalls.pointee.output(slot, base.assumingMemoryBound(to: CChar.self), bytes.count)
    }
}
