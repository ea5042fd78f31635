public import LaminaProvider

/// Which way a call goes: out to a destination, or in, to what the program serves.
public enum Direction: String, Sendable, CaseIterable {
    /// It connects, or sends a datagram.
    case out
    /// It binds, listens, accepts, or receives a datagram.
    case `in`
}

/// What carries it.
public enum Transport: String, Sendable, CaseIterable {
    /// Connections over IP.
    case tcp
    /// Datagrams over IP.
    case udp
    /// Unix sockets of any type.
    case unix
}

/// One end of what a rule decides on.
public struct End: Sendable, Equatable {
    /// An IP address's bytes, 4 or 16; nil where it is a name that nobody has resolved, or a Unix socket.
    public var bytes: [UInt8]?
    /// The name that the program asked for, in the form that is compared.
    public var name: String?
    /// In host byte order; nil where it isn't known.
    public var port: UInt16?
    /// A Unix socket's path, or `@` and its abstract name; empty of one without a name.
    public var path: String?

    /// An end in its parts.
    public init(bytes: [UInt8]?, name: String? = nil, port: UInt16? = nil, path: String? = nil) {
        self.bytes = bytes
        self.name = name
        self.port = port
        self.path = path
    }

    /// The end of this name.
    public init(name: String, port: UInt16?) { self.init(bytes: nil, name: ComparedName.of(name), port: port) }

    /// The end at an address, for a program that asked for `name`. Nil: neither an IP address nor a Unix socket or name.
    public init?(_ address: Address, asked name: String? = nil) {
        if let written = address.name {
            let bytes = Address(written, port: 0)?.bytes
            self.init(bytes: bytes, name: ComparedName.of(written), port: address.port)
        } else if let bytes = address.bytes {
            self.init(bytes: bytes, name: name.flatMap { ComparedName.of($0) }, port: address.port)
        } else if let path = address.path {
            self.init(bytes: nil, path: path)
        } else {
            return nil
        }
    }
}

/// What is decided: a call of a program's.
public struct Subject: Sendable, Equatable {
    /// Which way it goes.
    public var direction: Direction
    /// What carries it; nil of a question for a name, which may be for any.
    public var transport: Transport?
    /// Where it goes, or what is served; nil where that isn't known.
    public var end: End?
    /// Who connects or sends to what is served; nil before anybody does.
    public var peer: End?
    /// The path of the executable; nil where it isn't known.
    public var program: String?
    /// The user; nil where it isn't known.
    public var user: UInt32?
    /// Whether this comes before the call that counts: a name is asked for, or a server begins. Then a rule that lets
    /// something in which may follow decides, and one that refuses only a part of it doesn't.
    public var isBefore: Bool

    /// A subject in its parts.
    public init(
        _ direction: Direction,
        _ transport: Transport? = nil,
        to end: End? = nil,
        from peer: End? = nil,
        program: String? = nil,
        user: UInt32? = nil,
        isBefore: Bool = false
    ) {
        self.direction = direction
        self.transport = transport
        self.end = end
        self.peer = peer
        self.program = program
        self.user = user
        self.isBefore = isBefore
    }
}

extension Subject: CustomStringConvertible {
    /// `out tcp 192.0.2.1:80 (a.test)`.
    public var description: String {
        var text = direction.rawValue
        if let transport { text += " \(transport.rawValue)" }
        if let end { text += " \(end)" }
        if let peer { text += " from \(peer)" }
        return text
    }
}

extension End: CustomStringConvertible {
    /// `192.0.2.1:80 (a.test)`, `[2001:db8::1]:80`, `a.test:80` or a path.
    public var description: String {
        if let path { return path.isEmpty ? "unnamed" : path }
        let port = port.map { ":\($0)" } ?? ""
        guard let bytes else { return (name ?? "") + port }
        var host = ""
        if bytes.count == 4 {
            host = bytes.map { "\($0)" }.joined(separator: ".")
        } else {
            // Its longest form, which needs no choice.
            let words = stride(from: 0, to: bytes.count - 1, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
            host = "[\(words.map { String($0, radix: 16) }.joined(separator: ":"))]"
        }
        return host + port + (name.map { " (\($0))" } ?? "")
    }
}
