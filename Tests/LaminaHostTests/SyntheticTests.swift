import Glibc
import TestSupport
import Testing

/// Names that a layer resolves remotely, under `run`.
@Suite("Names that nobody resolved")
struct SyntheticTests {
    static let effects = HostFixtures.Effect.allCases
    private let server: TestServer

    init() throws {
        server = try TestServer()
    }

    /// The layer that carries names, over others of this effect.
    private func layers(_ effect: HostFixtures.Effect = .none) -> [String] {
        ["\(HostFixtures.remote):port=\(server.port)"] + effect.layers
    }

    private func run(
        _ commands: [String],
        _ effect: HostFixtures.Effect = .none,
        options: [String] = []
    ) throws -> Child.Ending {
        try HostFixtures.run(options + layers(effect), [HostFixtures.names, "do"] + commands)
    }

    /// The connects that reached the layer, as `NAME PORT`.
    private func carried(_ ending: Child.Ending) -> [String] {
        ending.errors.split(separator: "\n").filter { $0.hasPrefix("remote: ") }.map { String($0.dropFirst(8)) }
    }

    /// What follows a word in the lines that begin with it.
    private func values(_ word: String, _ ending: Child.Ending) -> [String] {
        ending.lines.filter { $0.hasPrefix(word + " ") }.map { String($0.dropFirst(word.count + 1)) }
    }

    @Test(
        "A name that a layer resolves remotely gets an address, and a connect to that address is one to the name",
        arguments: effects,
        [AF_INET, AF_INET6]
    )
    func carries(effect: HostFixtures.Effect, family: Int32) throws {
        let ending = try run(
            ["resolve A.remote \(family)", "connect 0 99", "peer 0", "echo 0", "name 0", "resolve localhost"],
            effect
        )
        let address = try #require(values("address", ending).first)
        #expect(address.hasPrefix(family == AF_INET ? "198.1" : "fd6c:616d:696e:6100:"))
        #expect(values("connect", ending) == ["0"])
        #expect(values("peer", ending) == ["\(address) 99"])
        #expect(values("read", ending) == ["hello"])
        #expect(values("name", ending) == ["0 A.remote"])
        #expect(values("address", ending).last == "127.0.0.1")
        #expect(carried(ending) == ["A.remote 99"])
    }

    @Test("A question without a family gets one address, the same name the same one, another name another")
    func addresses() throws {
        let ending = try run(["resolve a.remote 0", "resolve A.REMOTE. 2", "resolve b.remote 2", "resolve a.remote 2"])
        let found = values("address", ending)
        #expect(found.count == 4 && Set(found).count == 2 && found[0] == found[1] && found[0] == found[3])
        let all = try HostFixtures.run(layers(), [HostFixtures.names, "info", "a.remote", "80", "0", "1", "0", "0"])
        #expect(all.lines.count == 2)
    }

    @Test("A program that another one has started connects, and getpeername shows the address", arguments: effects)
    func children(effect: HostFixtures.Effect) throws {
        let ending = try run(["resolve a.remote", "exec 0 99"], effect)
        let address = try #require(values("address", ending).first)
        #expect(values("far", ending) == ["0"])
        #expect(values("peer", ending) == ["\(address) 99", "\(address) 99"])
        #expect(values("read", ending) == ["hello", "hello"])
        #expect(carried(ending) == ["a.remote 99", "a.remote 99"])
    }

    @Test("The errno that the layer answers is what the connect answers")
    func refused() throws {
        let ending = try run(["resolve refused.remote", "connect 0 7"])
        #expect(values("connect", ending) == ["\(ECONNREFUSED)"])
        #expect(carried(ending) == ["refused.remote 7"])
    }

    @Test("An address that stands for no name is refused with a sentence, and has no name", arguments: effects)
    func unassigned(effect: HostFixtures.Effect) throws {
        for address in ["198.18.7.7", "fd6c:616d:696e:6100::77"] {
            let ending = try HostFixtures.run(layers(effect), [HostFixtures.names, "far", address, "80"])
            #expect(ending.lines == ["far \(EHOSTUNREACH)"])
            #expect(ending.errors.contains("is a synthetic address that stands for no name"), "\(ending.errors)")
            #expect(carried(ending).isEmpty)
            let name = try HostFixtures.run(
                layers(effect),
                [HostFixtures.names, "name", address, "80", "8", "200", "60"]
            )
            #expect(name.lines == ["status \(EAI_NONAME) - -"])
        }
    }

    @Test("Another network can be taken, and the usual one is the network's again")
    func networks() throws {
        let options = ["--synthetic=10.99.0.0/24", "--synthetic=fd00:1::/64"]
        let ending = try run(["resolve a.remote 2", "resolve a.remote 10", "connect 0 99", "echo 0"], options: options)
        #expect(values("address", ending)[0].hasPrefix("10.99.0."))
        #expect(values("address", ending)[1].hasPrefix("fd00:1::"))
        #expect(values("read", ending) == ["hello"])
    }

    @Test("When all are held the look-up fails for now, with a sentence; then the oldest that no socket uses gives way")
    func recycles() throws {
        let ending = try run(
            [
                "resolve a.remote", "resolve b.remote", "connect 0 99", "resolve c.remote", "until c.remote", "peer 0",
                "until d.remote", "name 0", "name 1", "echo 0",
            ],
            options: ["--names=2", "--hold=500"]
        )
        let found = values("address", ending)
        try #require(found.count == 4, "\(ending.output)")
        #expect(values("error", ending) == ["\(EAI_AGAIN)"])
        #expect(ending.errors.contains("no synthetic address is free for c.remote: all 2 stand for names"))
        #expect(values("found", ending) == ["0 1", "0 1"])
        // The socket keeps the first one, so that both later names get the second.
        #expect(found[2] == found[1] && found[3] == found[1])
        #expect(values("peer", ending) == ["\(found[0]) 99"])
        #expect(values("name", ending) == ["0 a.remote", "0 d.remote"])
        #expect(values("read", ending) == ["hello"])
    }

    @Test("A socket keeps its address, however short the hold is, and its end gives it back", arguments: effects)
    func kept(effect: HostFixtures.Effect) throws {
        let ending = try run(
            ["resolve a.remote", "connect 0 99", "resolve b.remote", "echo 0", "close 0", "until b.remote", "name 0"],
            effect,
            options: ["--names=1", "--hold=0"]
        )
        #expect(values("error", ending) == ["\(EAI_AGAIN)"])
        #expect(values("read", ending) == ["hello"])
        #expect(values("found", ending).first?.hasPrefix("0 ") == true)
        #expect(values("name", ending) == ["0 b.remote"])
    }

    @Test("Names stay assigned when the worker is replaced, and so does the peer of a socket without a hop")
    func replaced() throws {
        let child = try HostFixtures.start(
            layers(),
            [
                HostFixtures.names, "do", "resolve a.remote", "connect 0 99", "go", "peer 0", "name 0",
                "resolve a.remote",
                "echo 0", "connect 1 98", "echo 1",
            ]
        )
        try child.await("ready")
        kill(try child.worker(), SIGKILL)
        try child.awaitError("another has taken its place")
        child.write("\n")
        let ending = child.end()
        let found = values("address", ending)
        #expect(found.count == 2 && found[0] == found[1])
        #expect(values("peer", ending) == ["\(found[0]) 99"])
        #expect(values("name", ending) == ["0 a.remote"])
        #expect(values("read", ending) == ["hello", "hello"])
        #expect(carried(ending) == ["a.remote 99", "a.remote 98"])
    }

    @Test("curl, getent and Python reach names that only the layer knows")
    func programs() throws {
        func run(_ words: [String]) throws -> Child.Ending { try HostFixtures.run(layers(), words) }
        let getent = try run(["getent", "ahostsv4", "a.remote"])
        #expect(getent.lines.first?.hasPrefix("198.1") == true && getent.lines.first?.hasSuffix("a.remote") == true)
        let hosts = try run(["getent", "hosts", "a.remote"])
        #expect(hosts.lines.first?.hasSuffix(" a.remote") == true)
        let curl = try run(["curl", "-s", "--max-time", "10", "http://a.remote:81/"])
        #expect(carried(curl) == ["a.remote 81"])
        let script = """
            import socket
            a = socket.gethostbyname_ex('b.remote')[2][0]
            print(socket.getaddrinfo('b.remote', 80, type=socket.SOCK_STREAM)[0][4] == (a, 80), socket.getfqdn(a))
            c = socket.create_connection(('b.remote', 80))
            print(c.getpeername() == (a, 80), socket.getnameinfo((a, 80), 0))
            c.sendall(b'echo\\nhello'); c.shutdown(socket.SHUT_WR); print(c.recv(5).decode())
            """
        let python = try run(["python3", "-c", script])
        #expect(python.lines == ["True b.remote", "True ('b.remote', 'http')", "hello"], "\(python.errors)")
    }
}
