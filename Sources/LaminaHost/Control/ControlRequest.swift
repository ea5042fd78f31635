public import Lamina

/// One line of the control protocol: what somebody wants of a run.
public struct ControlRequest: Sendable {
    /// The protocol's version.
    static let version: Int64 = 1
    /// How long a line may be, in bytes.
    static let longest = 64 << 10

    /// What is wanted.
    public enum Command: Sendable {
        case list
        case set(layer: String, settings: [LayerSpecification.Setting])
        case setLevel(layer: String, isOn: Bool)
        /// In milliseconds.
        case watch(interval: Int64)
    }

    /// What is wanted.
    public let command: Command
    /// What the reply carries back.
    let id: JSON?
    /// The line.
    let object: JSON.Object

    private static let members: [String: [String]] = [
        "list": [], "set": ["layer", "settings"], "off": ["layer"], "on": ["layer"], "watch": ["interval"],
    ]

    /// Reads a line. Throws what is wrong with it.
    public init(_ object: JSON.Object) throws(LaminaError) {
        self.object = object
        id = object["id"]
        if let version = object["version"], version != .integer(ControlRequest.version) {
            throw ControlRequest.error(
                "version",
                "\(version.text()) is not spoken here",
                "version \(ControlRequest.version) is"
            )
        }
        guard let word = object["command"]?.stringValue else {
            throw ControlRequest.error("command", "is missing", "it is \(ControlRequest.words)")
        }
        guard let known = ControlRequest.members[word] else {
            throw ControlRequest.error(
                "command \"\(word)\"",
                "is none",
                Suggestion.remedy(
                    for: word,
                    among: ControlRequest.members.keys,
                    otherwise: "it is \(ControlRequest.words)"
                )
            )
        }
        let members = known + ["version", "id", "command"]
        for member in object.members where !members.contains(member.key) {
            let remedy = Suggestion.remedy(
                for: member.key,
                among: members,
                otherwise: "it takes \(members.joined(separator: ", "))"
            )
            throw ControlRequest.error("command \"\(word)\"", "has no member \"\(member.key)\"", remedy)
        }
        switch word {
        case "set":
            let settings = try ControlRequest.settings(object["settings"])
            command = .set(layer: try ControlRequest.layer(object, word), settings: settings)
        case "on", "off": command = .setLevel(layer: try ControlRequest.layer(object, word), isOn: word == "on")
        case "watch": command = .watch(interval: try ControlRequest.interval(object["interval"]))
        default: command = .list
        }
    }

    private static var words: String { members.keys.sorted().joined(separator: ", ") }

    private static func error(_ subject: String, _ cause: String, _ remedy: String) -> LaminaError {
        LaminaError(.invalidArgument, subject, cause, remedy: remedy)
    }

    private static func layer(_ object: JSON.Object, _ word: String) throws(LaminaError) -> String {
        guard let layer = object["layer"]?.stringValue, !layer.isEmpty else {
            throw error("command \"\(word)\"", "names no layer", "give \"layer\", a label of the chain")
        }
        return layer
    }

    private static func settings(_ value: JSON?) throws(LaminaError) -> [LayerSpecification.Setting] {
        guard let object = value?.objectValue, !object.members.isEmpty else {
            throw error("settings", "are missing", "give an object of keys and values")
        }
        var settings: [LayerSpecification.Setting] = []
        for (key, value) in object.members {
            var values: [WrittenValue] = []
            for element in value.arrayValue ?? [value] { values.append(try written(element, for: key)) }
            settings.append(LayerSpecification.Setting(key: key, values: values))
        }
        return settings
    }

    private static func written(_ value: JSON, for key: String) throws(LaminaError) -> WrittenValue {
        switch value {
        case .string(let text): return try WrittenValue(parsing: text)
        case .integer(let number): return .bare("\(number)")
        case .number(let number): return .bare("\(number)")
        case .bool(let isTrue): return .bare(isTrue ? "yes" : "no")
        case .null, .array, .object:
            throw error(
                "settings: \(key)",
                "is \(value.kind)",
                "give a string, a number, a boolean, or an array of them"
            )
        }
    }

    private static func interval(_ value: JSON?) throws(LaminaError) -> Int64 {
        let seconds: Double
        switch value {
        case nil: seconds = 1
        case .integer(let number): seconds = Double(number)
        case .number(let number): seconds = number
        default: seconds = -1
        }
        guard (0.05...3600).contains(seconds) else {
            throw error("interval", "is no time from 0.05 to 3600 seconds", "leave it out for one second")
        }
        return Int64(seconds * 1000)
    }
}

/// What is answered to a request: one line.
enum ControlReply {
    /// The reply of a request that was carried out.
    static func success(_ members: JSON.Object = JSON.Object(), id: JSON? = nil) -> JSON.Object {
        var reply = head(id)
        reply["ok"] = true
        for (key, value) in members.members { reply[key] = value }
        return reply
    }

    /// The reply of a request that failed.
    static func failure(_ error: LaminaError, id: JSON? = nil) -> JSON.Object {
        var reply = head(id)
        reply["ok"] = false
        reply["error"] = ["code": .string("\(error.code)"), "message": .string(error.description)]
        return reply
    }

    private static func head(_ id: JSON?) -> JSON.Object {
        var reply = JSON.Object()
        reply["version"] = .integer(ControlRequest.version)
        if let id { reply["id"] = id }
        return reply
    }
}
