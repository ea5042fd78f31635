public import LaminaProvider

/// What becomes of a call.
public enum Action: Sendable, Equatable {
    /// It goes on.
    case allow
    /// It fails with this `errno`, at once.
    case deny(Int32)
    /// It fails as if nobody were there: with this `errno`.
    case reject(Int32)
    /// It gets no answer: it times out after so many nanoseconds, or never ends; nil: as the level is set.
    case blackhole(Int64?)
}

/// What calls a rule is about, and what becomes of them. Of several terms of one kind one must fit, and one of each kind.
public struct Rule: Sendable, Equatable {
    /// What becomes of the calls.
    public var action: Action
    /// Empty: both.
    public var directions: [Direction] = []
    /// Empty: all.
    public var transports: [Transport] = []
    /// Where calls go, or what is served. Empty, with `paths`: everywhere.
    public var ends: [PlacePattern] = []
    /// The same of Unix sockets.
    public var paths: [Wildcard] = []
    /// Who connects or sends to what is served; empty: everybody.
    public var peers: [PlacePattern] = []
    /// Executables, as paths or as base names; empty: all.
    public var programs: [Wildcard] = []
    /// Users, by number; empty: all.
    public var users: [UInt32] = []
    /// The rule as it was written, without what surrounds it.
    public var text: String

    /// A rule about everything.
    public init(_ action: Action, text: String) {
        self.action = action
        self.text = text
    }

    /// Whether a subject fits; nil where it isn't known yet, and may.
    public func matches(_ subject: Subject) -> Bool? {
        guard directions.isEmpty || directions.contains(subject.direction) else { return false }
        var isKnown = true
        /// Notes what one kind of term says; false where it says no.
        func takes(_ answer: Bool?) -> Bool {
            if answer == nil { isKnown = false }
            return answer ?? true
        }
        if !transports.isEmpty, !takes(subject.transport.map(transports.contains)) { return false }
        if !programs.isEmpty, !takes(subject.program.map(isOf)) { return false }
        if !users.isEmpty, !takes(subject.user.map(users.contains)) { return false }
        if !ends.isEmpty || !paths.isEmpty, !takes(subject.end.map { fits($0) } ?? nil) { return false }
        if !peers.isEmpty {
            guard subject.direction == .in else { return false }
            guard takes(subject.peer.map { Self.fits($0, peers) } ?? nil) else { return false }
        }
        return isKnown ? true : nil
    }

    private func isOf(_ program: String) -> Bool {
        let base = program.split(separator: "/").last.map(String.init) ?? program
        return programs.contains { $0.matches($0.text.contains("/") ? program : base) }
    }

    private func fits(_ end: End) -> Bool? {
        guard let path = end.path else { return Self.fits(end, ends) }
        return paths.contains { $0.matches(path) }
    }

    /// Whether an end fits one of these; nil where the address of a name, or a port, may come to fit.
    private static func fits(_ end: End, _ patterns: [PlacePattern]) -> Bool? {
        guard end.path == nil else { return false }
        var answer: Bool? = false
        for pattern in patterns {
            if let port = end.port, !pattern.ports.contains(port) { continue }
            let isPortKnown = end.port != nil || pattern.ports == 0...UInt16.max
            var isHost = pattern.matches(bytes: end.bytes, name: end.name) as Bool?
            if case .network = pattern.host, end.bytes == nil { isHost = nil }
            if isHost == false { continue }
            if isHost == true, isPortKnown { return true }
            answer = nil
        }
        return answer
    }

    /// Whether everything that fits `other` fits this as well, as far as that can be told.
    public func covers(_ other: Rule) -> Bool {
        Self.covers(directions, other.servedDirections) && Self.covers(transports, other.impliedTransports)
            && Self.covers(users, other.users) && coversEnds(of: other)
            && Self.covers(peers, other.peers) { $0.covers($1) }
            && Self.covers(programs, other.programs) { mine, theirs in
                mine.text.contains("/") == theirs.text.contains("/") && mine.covers(theirs)
            }
    }

    /// The directions that it can be about.
    private var servedDirections: [Direction] { peers.isEmpty ? directions : [.in] }

    /// What carries the ends that it names.
    private var impliedTransports: [Transport] {
        if !transports.isEmpty { return transports }
        if !ends.isEmpty && paths.isEmpty { return [.tcp, .udp] }
        return ends.isEmpty && !paths.isEmpty ? [.unix] : []
    }

    private func coversEnds(of other: Rule) -> Bool {
        if ends.isEmpty && paths.isEmpty { return true }
        if other.ends.isEmpty && other.paths.isEmpty { return false }
        return other.ends.allSatisfy { theirs in ends.contains { $0.covers(theirs) } }
            && other.paths.allSatisfy { theirs in paths.contains { $0.covers(theirs) } }
    }

    private static func covers<Term: Equatable>(_ mine: [Term], _ theirs: [Term]) -> Bool {
        covers(mine, theirs) { $0 == $1 }
    }

    private static func covers<Term>(_ mine: [Term], _ theirs: [Term], _ fits: (Term, Term) -> Bool) -> Bool {
        mine.isEmpty || !theirs.isEmpty && theirs.allSatisfy { their in mine.contains { fits($0, their) } }
    }
}
