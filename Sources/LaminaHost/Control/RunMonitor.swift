public import Lamina

/// Looks at this user's runs again and again, for their rates.
public struct RunMonitor {
    /// A run at one look.
    public struct Seen: Sendable {
        /// What it said.
        public let status: RunStatus
        /// Bytes per second down and up the chain since the look before; since its beginning, of one that wasn't there.
        public let rates: (sent: Int64, received: Int64)

        /// What it said, with the rates.
        public var json: JSON {
            guard var object = status.json.objectValue else { return status.json }
            object["rates"] = ["sent": .integer(rates.sent), "received": .integer(rates.received)]
            return .object(object)
        }
    }

    /// What could not be had in the last look, one for each run that doesn't answer.
    public private(set) var problems: [LaminaError] = []
    private let name: String?
    private var last: [String: RunStatus] = [:]

    /// Looks at all runs, or at the one of this name.
    public init(only name: String? = nil) {
        self.name = name
    }

    /// Asks the runs and gives what they say, by name; one that ends meanwhile is left out, and one that doesn't answer is a
    /// problem; of the one that was named both are errors. Blocks until all have answered.
    @discardableResult
    public mutating func look() throws(LaminaError) -> [Seen] {
        problems = []
        let runs = if let name { [try RunHandle(named: name)] } else { try RunHandle.all() }
        for run in runs {
            do throws(LaminaError) { try run.askStatus() } catch { if name != nil { throw error } }
        }
        var seen: [Seen] = []
        for run in runs {
            do throws(LaminaError) {
                let status = try run.statusAsked()
                let earlier = last[status.name].flatMap { $0.process == status.process ? $0 : nil }
                seen.append(Seen(status: status, rates: status.rates(since: earlier)))
            } catch {
                if name != nil { throw error }
                if error.code != .closed { problems.append(error) }
            }
        }
        last = Dictionary(seen.map { ($0.status.name, $0.status) }) { $1 }
        return seen
    }
}
