import LaminaProvider

/// The text form of metrics that Prometheus reads, version 0.0.4.
struct Exposition {
    static let type = "text/plain; version=0.0.4; charset=utf-8"
    private var text = ""
    private let label: String
    private let series: [Series]

    /// The text of all that a level has counted, as it is now.
    static func text(of registry: Registry) -> String {
        var exposition = Exposition(label: registry.label, series: registry.all)
        exposition.write()
        return exposition.text
    }

    private init(label: String, series: [Series]) {
        self.label = Self.escaped(label)
        self.series = series
    }

    private mutating func write() {
        family("lamina_sockets_total", "counter", "Sockets that were opened, by who began the connection.") {
            [("direction=\"out\"", $0.opened.value), ("direction=\"in\"", $0.accepted.value)]
        }
        family("lamina_sockets_open", "gauge", "Sockets that are open now.") {
            // A socket may close while these are read.
            let closed = $0.closed.value
            let begun = $0.opened.value + $0.accepted.value
            return [("", begun - min(closed, begun))]
        }
        family("lamina_data_bytes_total", "counter", "Bytes that programs have sent and received.") {
            [("direction=\"sent\"", $0.sent.value), ("direction=\"received\"", $0.received.value)]
        }
        family("lamina_calls_total", "counter", "Calls that have ended, whatever came of them.") { series in
            Call.allCases.map { ("call=\"\($0.rawValue)\"", series.count(of: $0)) }
        }
        family("lamina_errors_total", "counter", "Calls that failed, by the name of the error.") { series in
            series.errors.indices.compactMap { number in
                let count = series.errors[number].value
                let name = number == 0 ? "other" : Failure.name(of: Int32(number))
                return count == 0 ? nil : ("errno=\"\(name)\"", count)
            }
        }
        head("lamina_call_duration_seconds", "histogram", "How long calls took that have ended.")
        for series in series {
            histogram(series, .connect, series.connects.values)
            histogram(series, .send, series.sends.values)
            histogram(series, .receive, series.receives.values)
        }
    }

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func family(
        _ name: String,
        _ type: String,
        _ help: String,
        _ values: (Series) -> [(labels: String, value: UInt64)]
    ) {
        head(name, type, help)
        for series in series {
            for (labels, value) in values(series) { line(name, series, labels, "\(value)") }
        }
    }

    private mutating func histogram(_ series: Series, _ call: Call, _ values: (upTo: [UInt64], sum: UInt64)) {
        guard let count = values.upTo.last, count > 0 else { return }
        let name = "lamina_call_duration_seconds"
        let own = "call=\"\(call.rawValue)\""
        for (step, upTo) in values.upTo.enumerated() {
            let end = step < Histogram.steps ? Self.seconds(Histogram.end(of: step)) : "+Inf"
            line("\(name)_bucket", series, "\(own),le=\"\(end)\"", "\(upTo)")
        }
        line("\(name)_sum", series, own, Self.seconds(values.sum))
        line("\(name)_count", series, own, "\(count)")
    }

    private mutating func line(_ name: String, _ series: Series, _ labels: String, _ value: String) {
        text += "\(name){layer=\"\(label)\",program=\"\(Self.escaped(series.subject.program))\""
        text += ",peer=\"\(Self.escaped(series.subject.peer))\"\(labels.isEmpty ? "" : ",")\(labels)} \(value)\n"
    }

    /// Nanoseconds in seconds, exactly.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let part = String(nanoseconds % 1_000_000_000)
        var digits = String(repeating: "0", count: 9 - part.utf8.count) + part
        while digits.utf8.last == UInt8(ascii: "0"), digits.utf8.count > 1 { digits.removeLast() }
        return "\(nanoseconds / 1_000_000_000).\(digits)"
    }

    /// A label's value.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
