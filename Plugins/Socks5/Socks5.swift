import Glibc
import LaminaProvider

/// Connects through a SOCKS5 server, which is given names as they are.
struct Socks5: Handshakes, OpenCalls, RemoteAddressCalls, ResolveCalls, ReverseResolveCalls {
    /// Who resolves names.
    enum Names: String, CaseIterable { case remote, local }

    static let server = Setting<String>.text(
        "server",
        required: true,
        help: "HOST:PORT of the server, or HOST for port 1080; an IPv6 address in brackets"
    )
    static let user = Setting<String>.text("user", help: "the user's name, where the server wants one")
    static let password = Setting<String>.secret("password", help: "the user's password: @FILE or env:NAME")
    static let names = Setting<Names>.choice(
        "names",
        default: "remote",
        help: "who resolves names: the server, or this machine"
    )
    static let timeout = Setting<Int>.duration(
        "timeout",
        default: "30s",
        help: "how long the server may take for one step of a connect"
    )
    static let about = LayerDescription(
        "socks5",
        effect: .transform,
        summary: "connects through a SOCKS5 server, which is given names as they are",
        uuid: "4c3d6f0a-95b7-4e0c-8a2e-71d2f4b60c55",
        phase: .proxy,
        categories: [.connection, .stream, .datagram],
        settings: [server, user, password, names, timeout]
    )

    private let server: ProxyServer
    private let timeout: Int64
    private let resolvesNames: Bool

    init(_ level: Level) throws(Failure) {
        server = try ProxyServer(level)
        guard level[Self.timeout] > 0 else { throw Failure(EINVAL, "timeout: is 0; give at least 1ms") }
        timeout = Int64(level[Self.timeout])
        resolvesNames = level[Self.names] == .remote
    }

    // MARK: - Sockets

    func open(_ opening: Opening, next: consuming Next<State>) -> Answer {
        // The protocol's way for datagrams is another one; past the server they must not go.
        guard next.socket.category != .datagram else { return next.fail(EOPNOTSUPP) }
        // The server may be of another family than the destination.
        let isInternet = opening.family == AF_INET || opening.family == AF_INET6
        guard isInternet, !opening.isFromBelow, server.address.family != opening.family else {
            return next.open(opening)
        }
        return next.open(opening, family: AF_UNSPEC)
    }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        // Unix addresses, and what undoes a destination, are the levels' below.
        let isCarried = address.name != nil || address.family == AF_INET || address.family == AF_INET6
        guard flags.isEmpty, isCarried else { return next.connect(address, flags: flags) }
        return next.converse(for: address, stepTime: timeout) { conversation in
            guard let request = Messages.request(for: address) else { return conversation.fail(EAFNOSUPPORT) }
            Dialogue(conversation, server, request).begin()
        }
    }

    func remoteAddress(_ room: AddressRoom, next: consuming Next<State>) -> Answer {
        guard let destination = next.state.destination else { return next.remoteAddress(room) }
        return next.answer(room, destination)
    }

    // MARK: - Names

    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer {
        guard resolvesNames, !question.isNumeric,
            let address = SocksAddress.make(host: question.name, port: question.port), let name = address.name,
            !Self.isLocal(name)
        else { return next.resolve(question) }
        return next.answer(question, [address])
    }

    /// Nobody is asked for the names of addresses: the protocol has no such question, and this machine's name servers
    /// would hear where the program goes.
    func reverseResolve(_ question: AddressQuestion, next: consuming Next<NoState>) -> Answer {
        guard resolvesNames, !question.isNumeric else { return next.reverseResolve(question) }
        guard !question.needsName else { return next.fail(ENOENT) }
        question.isNumeric = true
        return next.reverseResolve(question)
    }

    /// `localhost` and what is below it never leave the machine (RFC 6761).
    private static func isLocal(_ name: String) -> Bool {
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        return name == "localhost" || name.hasSuffix(".localhost")
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Socks5.self) }
