public import LaminaProvider

/// What becomes of the destinations that a pattern is about.
public struct Rule: Sendable {
    /// It is refused, or goes elsewhere.
    public enum Action: Sendable {
        /// The connect ends with ECONNREFUSED.
        case refuse
        /// One after the other is tried.
        case connect([Target])
    }

    let pattern: PlacePattern
    /// What becomes of them.
    public let action: Action
}

/// One place to connect to instead.
public struct Target: Sendable {
    enum Host {
        /// The destination's own.
        case same
        case address(Address)
    }

    let host: Host
    /// In host byte order; nil: the destination's own.
    let port: UInt16?

    /// The address to connect to instead of the one that was asked for.
    public func address(insteadOf asked: Address) -> Address {
        let port = port ?? asked.port
        var result: Address
        switch host {
        case .same: result = asked
        case .address(let address): result = address
        }
        result.port = port
        return result
    }
}

/// The rules of one source, the settings or a file, in their order.
public struct RuleList: LineContent {
    private var rules: [Rule] = []
    /// The rules as they were written.
    public private(set) var texts: [String] = []

    /// None.
    public init() {}

    /// The first rule about this destination.
    public func first(for destination: Destination) -> Rule? {
        rules.first {
            $0.pattern.matches(bytes: destination.bytes, name: destination.name, port: destination.port)
        }
    }

    /// Reads one element of the setting `rule`. Answers what is wrong with it.
    public mutating func add(rule text: String) -> String? {
        guard let equals = text.firstIndex(of: "=") else {
            return "has no '='; write FROM=TO, such as a.test:443=127.0.0.1:8443"
        }
        let targets = text[text.index(after: equals)...].split(separator: "|", omittingEmptySubsequences: false)
        return add(text[..<equals], targets)
    }

    /// Reads one line of a file. Answers what is wrong with it.
    public mutating func add(line: Substring) -> String? {
        let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let from = words.first else { return nil }
        guard words.count > 1 else { return "no target follows \"\(from)\"; write FROM TO" }
        return add(from, Array(words.dropFirst()))
    }

    private mutating func add(_ from: Substring, _ targets: [Substring]) -> String? {
        do throws(PlaceProblem) {
            rules.append(try RuleReader.rule(from, targets))
            texts.append("\(from)=\(targets.joined(separator: "|"))")
            return nil
        } catch {
            return error.text
        }
    }
}
