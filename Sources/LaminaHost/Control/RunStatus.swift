public import Lamina

/// What a run says of itself.
public struct RunStatus: Sendable {
    /// One level of its chain.
    public struct Layer: Sendable {
        /// The level's name in the chain.
        public let label: String
        /// Whether it is switched on.
        public let isOn: Bool
        /// Whether it is what the others stand on.
        public let isBase: Bool
        /// The settings that can be changed.
        public let live: [String]
    }

    /// Everything that it said.
    public let json: JSON
    /// Its name.
    public let name: String
    /// What it runs: a program with its arguments, or what `lamina forward` was told.
    public let command: [String]
    /// The program's process, or that of `lamina forward`.
    public let process: Int64
    /// Its chain, the first level next to the program, the base last.
    public let layers: [Layer]
    /// Why nothing is known of the chain, where the worker doesn't say.
    public let problem: String?
    /// How many sockets are open on the chain.
    public let openSockets: Int64
    /// Bytes that went down the chain so far.
    public let sent: Int64
    /// Bytes that came up.
    public let received: Int64
    /// How long it has run, in nanoseconds.
    public let elapsed: Int64

    init(_ json: JSON) {
        self.json = json
        name = json["name"]?.stringValue ?? ""
        let program = json["program"]?.stringValue ?? ""
        command = [program] + (json["arguments"]?.arrayValue ?? []).compactMap(\.stringValue)
        process = json["pid"]?.integerValue ?? 0
        layers = (json["layers"]?.arrayValue ?? []).map { layer in
            Layer(
                label: layer["label"]?.stringValue ?? "",
                isOn: layer["on"]?.boolValue ?? true,
                isBase: layer["kind"] == "base",
                live: (layer["live"]?.arrayValue ?? []).compactMap(\.stringValue)
            )
        }
        problem = json["problem"]?.stringValue
        openSockets = json["sockets"]?["open"]?.integerValue ?? 0
        sent = json["bytes"]?["sent"]?.integerValue ?? 0
        received = json["bytes"]?["received"]?.integerValue ?? 0
        elapsed = json["elapsed"]?.integerValue ?? 0
    }

    /// Bytes per second that went down and up since an earlier status of the same run; of none, since it began. After a
    /// worker that was replaced the counts begin anew.
    public func rates(since earlier: RunStatus?) -> (sent: Int64, received: Int64) {
        let time = max(elapsed - (earlier?.elapsed ?? 0), 1)
        func rate(_ now: Int64, _ before: Int64) -> Int64 {
            let bytes = now >= before ? now - before : now
            return Int64((Double(bytes) * 1e9 / Double(time)).rounded())
        }
        return (rate(sent, earlier?.sent ?? 0), rate(received, earlier?.received ?? 0))
    }
}
