import LaminaProvider

/// Prints counts: a line for a socket, a table for a level.
enum Report {
    /// One line for a socket that has closed.
    static func socket(_ tallies: borrowing Tallies, _ socket: borrowing Socket, _ level: Level) {
        var line = LineBuffer(room: 1024)
        line.begin(level.label)
        line.append(socket)
        line.append(": out ")
        direction(&line, tallies, .dataOut)
        line.append(", in ")
        direction(&line, tallies, .dataIn)
        line.append(", ")
        count(&line, tallies.sum { $0.classes.isDisjoint(with: [.dataOut, .dataIn]) }.calls, "other call")
        let failures = tallies.sum().failures
        if failures > 0 {
            line.append(", ")
            line.append(number: failures)
            line.append(" failed")
        }
        line.endLine()
        socket.output(line)
    }

    /// The table of everything that a level has seen.
    static func total(_ tallies: borrowing Tallies, sockets: UInt64, _ level: Level) {
        var lines = LineBuffer(room: 16384)
        let all = tallies.sum()
        lines.begin(level.label)
        count(&lines, sockets, "socket")
        lines.append(", ")
        count(&lines, all.calls, "call or event", "calls and events")
        lines.append(", ")
        lines.append(number: all.failures)
        lines.append(" failed")
        lines.endLine()
        if all.calls > 0 { table(&lines, tallies, level.label) }
        level.output(lines)
    }

    private static func table(_ lines: inout LineBuffer, _ tallies: borrowing Tallies, _ label: String) {
        lines.begin(label)
        lines.append("  entry                      calls    failed       bytes out        bytes in")
        lines.endLine()
        for entry in Entry.all {
            let counts = tallies[entry].count
            guard counts.calls > 0 else { continue }
            lines.begin(label)
            lines.append("  ")
            let start = lines.column
            name(&lines, entry)
            lines.pad(to: start + 22)
            row(
                &lines,
                counts,
                out: entry.classes.contains(.dataOut) ? counts.bytes : nil,
                in: entry.classes.contains(.dataIn) ? counts.bytes : nil
            )
        }
        lines.begin(label)
        lines.append("  ")
        let start = lines.column
        lines.append("total")
        lines.pad(to: start + 22)
        row(
            &lines,
            tallies.sum(),
            out: tallies.sum { $0.classes.contains(.dataOut) }.bytes,
            in: tallies.sum { $0.classes.contains(.dataIn) }.bytes
        )
    }

    private static func row(_ lines: inout LineBuffer, _ counts: Counts, out: UInt64?, in received: UInt64?) {
        lines.append(number: counts.calls, width: 10)
        lines.append(number: counts.failures, width: 10)
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
    private static func direction(_ line: inout LineBuffer, _ tallies: borrowing Tallies, _ wanted: Entry.Classes) {
        count(&line, tallies.sum { $0.classes.contains(wanted) }.bytes, "byte")
        var isFirst = true
        for entry in Entry.all where entry.classes.contains(wanted) {
            let calls = tallies[entry].calls.value
            guard calls > 0 else { continue }
            line.append(isFirst ? " (" : ", ")
            name(&line, entry)
            line.append(" ")
            line.append(number: calls)
            isFirst = false
        }
        if !isFirst { line.append(")") }
    }

    private static func name(_ line: inout LineBuffer, _ entry: Entry) {
        if entry.isEvent { line.append("event ") }
        line.append(entry)
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
}
