import Lamina

/// Figures of one kind beside each other.
struct Table {
    /// One line of figures.
    struct Row {
        let name: String
        let values: [Double?]
    }

    let title: String
    let columns: [String]
    /// Digits after the point, by column.
    let digits: [Int]
    var rows: [Row] = []
    var goals: [Goal] = []
    /// What was left out, and why.
    var notes: [String] = []

    init(_ title: String, columns: [String], digits: [Int]) {
        self.title = title
        self.columns = columns
        self.digits = digits
    }

    /// A benchmark that was left out.
    init(missing name: String, because reason: String) {
        self.init(name, columns: [], digits: [])
        notes = ["left out: \(reason)"]
    }

    mutating func add(_ name: String, _ values: [Double?]) {
        rows.append(Row(name: name, values: values))
    }
}

/// What a figure is to reach.
struct Goal {
    enum Bound {
        case atMost(Double)
        case atLeast(Double)
    }

    let name: String
    let value: Double
    let bound: Bound
    let unit: String

    var isReached: Bool {
        switch bound {
        case .atMost(let limit): value <= limit
        case .atLeast(let limit): value >= limit
        }
    }

    var wanted: String {
        switch bound {
        case .atMost(let limit): "at most \(limit)\(unit)"
        case .atLeast(let limit): "at least \(limit)\(unit)"
        }
    }
}

/// All tables, as text or JSON.
struct Report {
    private var tables: [Table] = []

    mutating func add(_ tables: [Table]) {
        self.tables += tables
    }

    var text: String {
        tables.map(Self.text).joined(separator: "\n")
    }

    var json: String {
        var object = JSON.Object()
        object["tables"] = .array(tables.map(Self.json))
        return JSON.object(object).text(pretty: true)
    }

    private static func text(_ table: Table) -> String {
        let names = table.rows.map(\.name) + table.goals.map(\.name)
        let nameWidth = max(names.map(\.count).max() ?? 0, table.title.count)
        let widths = table.columns.map { max($0.count, 7) + 2 }
        var lines = [
            table.title.padded(to: nameWidth)
                + zip(table.columns, widths).map { $0.leftPadded(to: $1) }.joined()
        ]
        for row in table.rows {
            let cells = zip(zip(row.values, table.digits), widths).map { cell, width in
                (cell.0.map { $0.text(digits: cell.1) } ?? "").leftPadded(to: width)
            }
            lines.append((row.name.padded(to: nameWidth) + cells.joined()).trimmedAtEnd)
        }
        for goal in table.goals {
            let value = goal.value.text(digits: 2) + goal.unit
            lines.append(
                "\(goal.name.padded(to: nameWidth))  \(value.leftPadded(to: 9))  \(goal.wanted): "
                    + (goal.isReached ? "reached" : "missed")
            )
        }
        lines += table.notes.map { "note: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func json(_ table: Table) -> JSON {
        var object = JSON.Object()
        object["title"] = .string(table.title)
        object["rows"] = .array(
            table.rows.map { row in
                var cells = JSON.Object()
                cells["name"] = .string(row.name)
                for (column, value) in zip(table.columns, row.values) {
                    cells[column] = value.map { .number($0) } ?? .null
                }
                return .object(cells)
            }
        )
        object["goals"] = .array(
            table.goals.map { goal in
                var json = JSON.Object()
                json["name"] = .string(goal.name)
                json["value"] = .number(goal.value)
                json["wanted"] = .string(goal.wanted)
                json["reached"] = .bool(goal.isReached)
                return .object(json)
            }
        )
        object["notes"] = .array(table.notes.map { .string($0) })
        return .object(object)
    }
}

extension Double {
    func text(digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((magnitude * scale).rounded())
        let sign = self < 0 && scaled != 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let fraction = String(part)
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }

    var trimmedAtEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
