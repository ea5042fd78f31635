import LaminaProvider

/// Reads rules as users write them.
enum RuleReader {
    /// Reads a rule in its parts.
    static func rule(_ from: Substring, _ targets: [Substring]) throws(PlaceProblem) -> Rule {
        let pattern = try PlacePattern(parsing: from)
        guard !targets.contains("refuse") else {
            guard targets.count == 1 else { throw PlaceProblem("refuse stands beside other targets; write it alone") }
            return Rule(pattern: pattern, action: .refuse)
        }
        var list: [Target] = []
        for word in targets { list.append(try target(word)) }
        return Rule(pattern: pattern, action: .connect(list))
    }

    private static func target(_ text: Substring) throws(PlaceProblem) -> Target {
        if text == "pass" { return Target(host: .same, port: nil) }
        let problem = PlaceProblem("\"\(text)\" is no target; write HOST:PORT, HOST, :PORT, refuse or pass")
        guard let place = try WrittenPlace(text), place.bits == nil else { throw problem }
        var port: UInt16?
        if let text = place.port {
            guard let number = WrittenPlace.number(text) else {
                throw PlaceProblem("\"\(text)\" is no port; write 1 to 65535")
            }
            port = number
        }
        if let address = place.address { return Target(host: .address(address), port: port) }
        if place.host.isEmpty, !place.isBracketed, port != nil { return Target(host: .same, port: port) }
        guard let name = place.name.flatMap({ Address(name: $0, port: 0) }) else { throw problem }
        return Target(host: .address(name), port: port)
    }
}
