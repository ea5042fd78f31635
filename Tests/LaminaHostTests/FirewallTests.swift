import CLinux
import Glibc
import TestSupport
import Testing

@Suite("Unmodified programs behind the layer firewall")
struct FirewallTests {
    private static let firewall = "\(PackageTree.products)/libLaminaFirewall.so"
    private static let hosts = "\(PackageTree.products)/libLaminaHosts.so:map=[*.test=127.0.0.1]"
    private static let count = "\(PackageTree.products)/libLaminaCount.so:each=no"
    private static let redirect = "\(PackageTree.products)/libLaminaRedirect.so"

    private func run(_ settings: String, _ program: [String], over layers: [String] = []) throws -> Child.Ending {
        try HostFixtures.run(["\(Self.firewall)=f:\(settings)"] + layers, program)
    }

    private func curl(_ url: String, _ options: String...) -> [String] {
        ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code} %{errormsg}\n"] + options + [url]
    }

    @Test("What a file of rules has is said without what a terminal would obey")
    func printable() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("allow\n\u{1B}[31mdeny\n", to: "rules")
        let ending = try HostFixtures.run(["\(Self.firewall)=f:file=\(file)"], ["true"])
        #expect(ending.code == 125 && ending.errors.contains("\(file):2: column 1: \"\u{FFFD}[31mdeny\" is no action"))
        #expect(!ending.errors.contains("\u{1B}"), "\(ending.errors)")
    }

    @Test("What a rule lets through is the program's own connection, and what it ends has the rule's errno")
    func direct() throws {
        let server = try TestServer()
        defer { server.stop() }
        func client(_ rules: String, over layers: [String] = []) throws -> [String] {
            try run("rules=[\(rules)]", [HostFixtures.client, "connect", "127.0.0.1", "\(server.port)"], over: layers)
                .lines
        }
        let lines = try client("deny 192.0.2.1, allow 127.0.0.0/8, deny")
        #expect(lines.prefix(3) == ["connect 0", "peer 127.0.0.1 \(server.port)", "kernel \(server.port)"])
        for layers in [[], [HostFixtures.passing]] {
            #expect(try client("deny out tcp :\(server.port) program=client*", over: layers) == ["connect \(EACCES)"])
            #expect(try client("deny=EPERM user=\(getuid())", over: layers) == ["connect \(EPERM)"])
            #expect(try client("reject 127.0.0.1", over: layers) == ["connect \(ECONNREFUSED)"])
            #expect(try client("blackhole=50ms 127.0.0.1", over: layers) == ["connect \(ETIMEDOUT)"])
            #expect(try client("deny program=other, deny in", over: layers).first == "connect 0")
        }
    }

    @Test("curl is told what a firewall says: refused connections, and names that aren't looked up")
    func programs() throws {
        let server = try WebServer()
        defer { server.stop() }
        let url = "http://a.test:\(server.port)/"
        let allowed = try run("rules=[allow *.test,deny]", curl(url), over: [Self.hosts])
        #expect(allowed.code == 0 && allowed.lines.first?.hasPrefix("200") == true, "\(allowed)")
        let unknown = try run("rules=reject a.test", curl(url), over: [Self.hosts])
        #expect(unknown.code == 6, "\(unknown)")
        let refused = try run("rules=reject a.test:\(server.port),log=yes", curl(url), over: [Self.hosts])
        #expect(refused.code == 7, "\(refused)")
        let line = "out tcp 127.0.0.1:\(server.port) (a.test) of process "
        #expect(
            refused.errors.contains(line) && refused.errors.contains("rule 1 (rules): reject a.test:\(server.port)")
        )
    }

    @Test("A name that a rule let through doesn't let its address through for others")
    func askedNames() throws {
        let server = try WebServer()
        defer { server.stop() }
        let ending = try run("rules=[allow a.test,deny]", curl("http://127.0.0.1:\(server.port)/"), over: [Self.hosts])
        #expect(ending.code == 7, "\(ending)")
    }

    @Test("It stands over and under others, and each sees what it should")
    func stacked() throws {
        let server = try WebServer()
        defer { server.stop() }
        let send = "\(Self.redirect):rule=192.0.2.1=127.0.0.1:\(server.port)"
        let url = curl("http://192.0.2.1/")
        let over = try run("rules=[allow 192.0.2.1,deny]", url, over: [Self.count, send])
        #expect(over.code == 0 && over.errors.contains("count: 1 socket"), "\(over)")
        let under = try HostFixtures.run([send, Self.count, "\(Self.firewall)=f:rules=[deny 192.0.2.1,allow]"], url)
        #expect(under.code == 0, "\(under)")
        let ended = try HostFixtures.run([send, Self.count, "\(Self.firewall)=f:rules=deny 127.0.0.1"], url)
        #expect(ended.code == 7, "\(ended)")
    }

    @Test("Rules that can't be read end the run before the program starts, marked at the place")
    func mistakes() throws {
        let ending = try run("rules=[allow,deny prot=tcp]", ["sh", "-c", "echo started"])
        #expect(ending.code != 0 && ending.lines.isEmpty)
        #expect(ending.errors.contains("rules: rule 2, column 13: \"prot\" is no term"), "\(ending.errors)")
    }
}

/// Answers every HTTP request with a few bytes.
struct WebServer {
    let port: UInt16
    private let listener: Int32

    init() throws {
        let listening = try Loopback.listening()
        (listener, port) = listening
        let listener = listener
        detach {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                detach {
                    var room = [UInt8](repeating: 0, count: 4096)
                    if read(connection, &room, room.count) > 0 {
                        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                        _ = send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL))
                        shutdown(connection, Int32(SHUT_WR))
                        while read(connection, &room, room.count) > 0 {}
                    }
                    close(connection)
                }
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
