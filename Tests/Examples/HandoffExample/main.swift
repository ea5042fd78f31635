import CLamina
import Glibc
import Lamina

// A socket goes from one process to another that isn't its relative, in the ten steps of the Winsock documentation's table.
//
//     HandoffExample target PATH                                  waits at a Unix socket; this is the programs' own IPC
//     HandoffExample source PATH tcp|udp|listen BASE [LAYER…]     opens a socket, and lets the target have it
//
// Both end with "done". `handoff.c` is the same in C, and either can be the other's partner.

func soon() -> Int64 { Deadline.after(seconds: 20) }

func require(_ condition: Bool, _ what: String) throws {
    guard condition else { throw LaminaError(.system, "example", what) }
}

extension Socket {
    func say(_ text: String, isDatagram: Bool = false) throws {
        if isDatagram {
            try waiting.send(Array(text.utf8), to: nil, deadline: soon())
        } else {
            try waiting.send(Array(text.utf8), deadline: soon())
        }
    }

    func hear(_ text: String, isDatagram: Bool = false) throws {
        let bytes =
            isDatagram
            ? try waiting.receiveDatagram(deadline: soon()).bytes
            : try waiting.receive(upTo: text.utf8.count, all: true, deadline: soon())
        try require(bytes == Array(text.utf8), "received \(String(decoding: bytes, as: UTF8.self)), not \(text)")
    }
}

/// The programs' own connection: one byte says that a step is done.
struct Partner {
    private let descriptor: Int32

    init(_ path: String, listens: Bool) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                listens ? bind(made, $0, size) : connect(made, $0, size)
            }
        }
        try require(status == 0, "no connection at \(path)")
        guard listens else {
            descriptor = made
            return
        }
        listen(made, 1)
        print("listening")
        fflush(nil)
        descriptor = accept(made, nil, nil)
        close(made)
    }

    func tell(_ step: Character) throws { try send(step.utf8.map { $0 }) }

    func await(_ step: Character) throws { try require(try receive(1) == Array(step.utf8), "the partner is gone") }

    func send(_ bytes: [UInt8]) throws { try require(write(descriptor, bytes, bytes.count) == bytes.count, "ipc") }

    func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let length = read(descriptor, &part, part.count)
            try require(length > 0, "ipc")
            bytes += part[..<length]
        }
        return bytes
    }
}

struct Source {
    let partner: Partner
    let chain: Chain
    /// What is at the other end of the network has the same layers: they may change what is sent.
    let plain: Chain
    let loopback = Address(host: "127.0.0.1", port: 0)

    /// Steps 2 to 6 of the table: asks who the target is, and sends it what it needs. Answers whether the socket moves.
    func give(_ socket: Socket) throws -> Bool {
        try partner.tell("?")
        let process = try partner.receive(4).withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        let info = try socket.duplicate(for: process)
        try partner.send(info.bytes)
        try partner.await("!")
        return info.mode == .move
    }

    func handListener() throws {
        let listener = try chain.listen(on: loopback)
        let address = try listener.waiting.localAddress()
        let hasMoved = try give(listener)
        var peer = try plain.connect(to: address)
        try peer.say("to whom it may concern")
        try partner.await("a")
        try peer.hear("from the target")
        try peer.waiting.close()
        if !hasMoved {
            peer = try plain.connect(to: address)
            let own = try listener.waiting.accept(deadline: soon())
            try own.say("from the source")
            try peer.hear("from the source")
            try own.waiting.close()
            try peer.waiting.close()
        }
        try listener.waiting.close()
        try partner.tell("b")
        peer = try plain.connect(to: address)
        try peer.hear("once more")
        try partner.await("c")
        try peer.waiting.close()
    }

    func handConversation(isDatagram: Bool) throws {
        let (own, peer) = isDatagram ? try datagrams() : try connection()
        try own.say("before", isDatagram: isDatagram)
        try peer.hear("before", isDatagram: isDatagram)
        let hasMoved = try give(own)
        try partner.await("a")
        try peer.hear("from the target", isDatagram: isDatagram)
        if hasMoved {
            do {
                try own.say("x")
                throw LaminaError(.system, "example", "the socket has moved and is not stale")
            } catch let error as LaminaError { try require(error.errno == ESTALE, "\(error)") }
        } else {
            try own.say("from the source", isDatagram: isDatagram)
            try peer.hear("from the source", isDatagram: isDatagram)
        }
        try peer.say("answer", isDatagram: isDatagram)
        try partner.await("b")
        try own.waiting.close()
        try partner.tell("c")
        try partner.await("d")
        try peer.hear("once more", isDatagram: isDatagram)
        try peer.waiting.close()
    }

    private func connection() throws -> (Socket, Socket) {
        let listener = try plain.listen(on: loopback)
        let own = try chain.connect(to: try listener.waiting.localAddress())
        let peer = try listener.waiting.accept(deadline: soon())
        try listener.waiting.close()
        return (own, peer)
    }

    private func datagrams() throws -> (Socket, Socket) {
        let (own, peer) = (try chain.open(.datagram()), try plain.open(.datagram()))
        for socket in [own, peer] { try socket.waiting.bind(to: loopback) }
        try own.waiting.connect(to: try peer.waiting.localAddress())
        try peer.waiting.connect(to: try own.waiting.localAddress())
        return (own, peer)
    }
}

/// Steps 3, 7 and 8: says who this is, gets the value, and makes a socket of it.
func take(from partner: Partner) throws -> Socket {
    try partner.await("?")
    try partner.send(withUnsafeBytes(of: getpid()) { Array($0) })
    let info = try ProtocolInfo(parsing: try partner.receive(ProtocolInfo.size))
    let socket = try Socket(from: info, deadline: soon())
    print("levels \(try socket.levels.map(\.label).joined(separator: "/"))")
    try partner.tell("!")
    return socket
}

func beTarget(_ partner: Partner) throws {
    let kind = try partner.receive(1)
    let socket = try take(from: partner)
    if kind == Array("l".utf8) {
        var own = try socket.waiting.accept(deadline: soon())
        try own.hear("to whom it may concern")
        try own.say("from the target")
        try partner.tell("a")
        try own.waiting.close()
        try partner.await("b")
        own = try socket.waiting.accept(deadline: soon())
        try own.say("once more")
        try partner.tell("c")
        try own.waiting.close()
    } else {
        let isDatagram = kind == Array("u".utf8)
        try socket.say("from the target", isDatagram: isDatagram)
        try partner.tell("a")
        try socket.hear("answer", isDatagram: isDatagram)
        try partner.tell("b")
        try partner.await("c")
        try socket.say("once more", isDatagram: isDatagram)
        try partner.tell("d")
    }
    try socket.waiting.close()
}

func beSource(_ partner: Partner, _ kind: String, _ base: String, _ layers: [String]) throws {
    let specifications = try layers.map { try LayerSpecification(parsing: $0) }
    let base = try LayerSpecification(parsing: base)
    let source = Source(
        partner: partner,
        chain: try Chain(layers: specifications, base: base),
        plain: try Chain(layers: specifications, base: base)
    )
    try partner.tell(kind.first ?? "t")
    if kind == "listen" { try source.handListener() } else { try source.handConversation(isDatagram: kind == "udp") }
}

let arguments = Array(CommandLine.arguments.dropFirst())
do {
    switch (arguments.first, arguments.count) {
    case ("target", 2): try beTarget(try Partner(arguments[1], listens: true))
    case ("source", 4...):
        let partner = try Partner(arguments[1], listens: false)
        try beSource(partner, arguments[2], arguments[3], Array(arguments[4...]))
    default:
        Output.write("usage: HandoffExample target PATH | source PATH tcp|udp|listen BASE [LAYER…]\n")
        exit(2)
    }
    print("done")
} catch {
    Output.log(.error, "", "\(error)")
    exit(1)
}
