public import Lamina

/// Which destinations of a program a run carries, by `--only` and `--bypass`; the rest is the program's own affair, and
/// goes as if there were no run.
///
/// Without rules everything is carried. With `only` rules, what one of them matches is; what a `bypass` rule matches
/// never is.
public struct Coverage: Sendable, Equatable {
    /// How many networks and ports all rules together may name: the preload object has room for no more.
    static let capacity = 60
    /// How many connections that are asked about may be named; where there are more, all are asked about.
    static let askedCapacity = 32

    /// What is carried; empty: everything.
    public private(set) var only: [Condition] = []
    /// What is not, whatever `only` says.
    public private(set) var bypass: [Condition] = []
    /// Networks that are carried whatever the rules say: their addresses stand for names.
    var always: [Network] = []

    /// The networks and ports of the connections that a level of the chain may have to do with; nil: all.
    var asked: [Condition]?

    /// Everything is carried.
    public init() {}

    /// Reads rules: `10.0.0.0/8`, `[fd00::]/8`, `192.0.2.1:80-90`, `:443`, `*.example.org`, `loopback`, or the terms of
    /// a condition (`net=10.0.0.0/8,port=443,direction=in`). Throws what can't be read.
    public init(only: [String] = [], bypass: [String] = []) throws(LaminaError) {
        for text in only { self.only += try CoverageRule.conditions(text) }
        for text in bypass { self.bypass += try CoverageRule.conditions(text) }
        guard self.only.count + self.bypass.count <= Self.capacity else {
            throw LaminaError(
                .invalidArgument,
                "\(self.only.count + self.bypass.count) rules",
                "are more than a run takes",
                remedy: "give at most \(Self.capacity), loopback counting as two; a layer's when= takes any number"
            )
        }
    }

    private init(only: [Condition], bypass: [Condition], always: [Network]) {
        (self.only, self.bypass, self.always) = (only, bypass, always)
    }

    /// Whether there are rules.
    var hasRules: Bool { !only.isEmpty || !bypass.isEmpty }

    /// Whether a connection or datagram is none of the run's. What can't be decided is carried.
    func bypasses(_ subject: ConditionSubject) -> Bool {
        if let address = subject.address, always.contains(where: { $0.contains(address) }) { return false }
        if bypass.contains(where: { $0.matches(subject) ?? false }) { return true }
        return !only.isEmpty && !only.contains { $0.matches(subject) ?? true }
    }

    /// Whether what the program sends to `destination` is none of the run's, for a destination whose name isn't known:
    /// where only a name could say so, it is carried.
    func bypasses(_ destination: Endpoint) -> Bool {
        let subject = ConditionSubject(address: destination.network, port: destination.port)
        guard only.contains(where: { $0.name != nil }) else { return bypasses(subject) }
        return Coverage(only: [], bypass: bypass, always: always).bypasses(subject)
    }

    /// Whether the chain may have to do with a connection to `destination` that is carried.
    func asks(about destination: Endpoint) -> Bool {
        guard let asked else { return true }
        if let network = destination.network, always.contains(where: { $0.contains(network) }) { return true }
        let subject = ConditionSubject(address: destination.network, port: destination.port)
        return asked.contains { $0.matches(subject) ?? true }
    }

    /// Whether a name is none of the run's whatever its addresses are, so that no layer is asked for them.
    func bypasses(name: String) -> Bool {
        let subject = ConditionSubject(name: name)
        if bypass.contains(where: { $0.name != nil && $0.matches(subject) ?? false }) { return true }
        return !only.isEmpty && only.allSatisfy { $0.name != nil && $0.matches(subject) == false }
    }

    /// Whether a datagram may be sent to `destination` without a layer seeing it: datagrams are not carried yet, and
    /// those that stay on this machine go as they are.
    func passesDatagrams(to destination: Endpoint) -> Bool {
        destination.isLoopback || destination.isUnspecified || bypasses(destination)
    }

    /// Whether what is sent to `destination` is a question to a name server, which the chain answers.
    func isNameServer(_ destination: Endpoint) -> Bool {
        destination.port == NameServers.port && !bypasses(destination)
    }

    /// Whether the program may listen, or receive datagrams, at `local` without a layer seeing it: servers are not
    /// carried yet, and what nobody else reaches is as it is.
    func passesServer(at local: Endpoint) -> Bool {
        local.isLoopback
            || bypasses(ConditionSubject(address: local.network, port: local.port, direction: .in))
    }
}

extension Endpoint {
    /// The address as conditions compare it.
    var network: NetworkAddress? { Address(lamina).network }

    /// Whether it is the wildcard address: of a destination, this machine.
    var isUnspecified: Bool {
        guard let network, network.family != .unix else { return false }
        return network.bytes.allSatisfy { $0 == 0 }
    }
}
