import Lamina

/// Rows under a heading, in columns as wide as their widest cell; the last column is never padded or cut.
struct Table {
    /// One place in a row.
    struct Cell: ExpressibleByStringInterpolation {
        let text: String
        let style: Terminal.Style?

        init(_ text: String, _ style: Terminal.Style? = nil) {
            self.text = Output.printable(text)
            self.style = style
        }

        init(stringLiteral value: String) {
            self.init(value)
        }

        fileprivate func padded(to width: Int) -> String {
            let shown = style.map { Terminal.styled(text, $0) } ?? text
            return shown + String(repeating: " ", count: max(0, width - text.count))
        }
    }

    private let indentation: String
    private var rows: [[Cell]] = []

    /// A table with these headings; with none it is a list of rows.
    init(_ headings: [String] = [], indentation: Int = 0) {
        self.indentation = String(repeating: " ", count: indentation)
        if !headings.isEmpty { rows.append(headings.map { Cell($0, .dim) }) }
    }

    /// Adds a row; a shorter one ends early.
    mutating func add(_ cells: [Cell]) {
        rows.append(cells)
    }

    /// Adds a name and what belongs to it; nothing where that is empty.
    mutating func add(_ name: String, _ value: String, _ style: Terminal.Style? = nil) {
        if !value.isEmpty { add([Cell(name, .dim), Cell(value, style)]) }
    }

    /// The table as lines, each with its newline.
    var text: String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.dropLast().enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.text.count)
            }
        }
        var text = ""
        for row in rows {
            text += indentation
            for (column, cell) in row.enumerated() {
                text += column == row.count - 1 ? cell.padded(to: 0) : cell.padded(to: widths[column] + 2)
            }
            text += "\n"
        }
        return text
    }
}
