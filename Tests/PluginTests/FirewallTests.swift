import CLamina
import CLinux
import Glibc
import Lamina
import LaminaFirewallRules
import TestSupport
import Testing

/// What the layer `firewall` lets through.
@Suite("The layer firewall")
struct FirewallTests {
    private let directory: TemporaryDirectory
    private let label = LayerOutput.label("firewall")

    init() throws {
        directory = try TemporaryDirectory()
        LayerOutput.capture()
    }

    private func chain(_ settings: String, over base: BaseProvider = .memory) throws -> Chain {
        try PluginTests.chain(
            ("firewall=\(label):\(settings)", Plugin.product("Firewall")),
            ("\(base)", "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private func origin(_ name: String? = nil, program: String? = nil, user: UInt32 = 0) -> OriginStorage {
        OriginStorage(process: 1, startTime: 0, user: user, group: 0, executable: program, name: name)
    }

    /// The errno that a connect ends with; 0: it was let through, and nobody listens in memory.
    private func connect(_ chain: Chain, _ destination: String, _ origin: OriginStorage) throws -> Int32 {
        do {
            try chain.connect(to: try Address(parsing: destination), origin: origin, deadline: soon()).close()
            return 0
        } catch {
            return error.level == label ? error.errno : 0
        }
    }

    // MARK: - What rules are about

    @Test(
        "A rule is about a direction, what carries, a place, a program and a user, and decides where all of them fit",
        arguments: [
            ("deny", EACCES), ("deny out", EACCES), ("deny in", 0), ("deny tcp", EACCES), ("deny udp unix", 0),
            ("deny udp tcp", EACCES), ("deny 192.0.2.1", EACCES), ("deny 192.0.2.0/24:443", EACCES),
            ("deny 192.0.2.0/24:80", 0), ("deny 192.0.3.0/24", 0), ("deny 10.0.0.0/8 192.0.2.0/24", EACCES),
            ("deny :400-500", EACCES), ("deny :444-500", 0), ("deny [::ffff:192.0.2.1]", EACCES), ("deny [::]/0", 0),
            ("deny a.test", EACCES), ("deny *.test", EACCES), ("deny a.t?st:443", EACCES), ("deny b.test", 0),
            ("deny program=curl", EACCES), ("deny program=/usr/bin/curl", EACCES), ("deny program=c*", EACCES),
            ("deny program=/usr/*", EACCES), ("deny program=wget", 0), ("deny program=wget program=curl", EACCES),
            ("deny user=7", EACCES), ("deny user=8", 0), ("deny user=root", 0),
            ("deny out tcp *.test:443 program=curl user=7", EACCES), ("deny out tcp *.test:443 program=curl user=8", 0),
            ("deny /tmp/*", 0), ("deny unix", 0), ("deny=EPERM", EPERM), ("reject", ECONNREFUSED),
            ("reject=EHOSTUNREACH", EHOSTUNREACH), ("blackhole=1ms", ETIMEDOUT),
        ]
    )
    func terms(rule: String, errno: Int32) throws {
        let origin = origin("A.Test.", program: "/usr/bin/curl", user: 7)
        #expect(try connect(try chain("rules=\(rule)"), "192.0.2.1:443", origin) == errno)
    }

    @Test("The first rule that fits decides, and the default where none does")
    func order() throws {
        let chain = try chain(
            "rules=[allow 192.0.2.1:80, deny=EPERM 192.0.2.0/24; reject 192.0.2.1],default=blackhole,timeout=1ms"
        )
        #expect(try connect(chain, "192.0.2.1:80", origin()) == 0)
        #expect(try connect(chain, "192.0.2.1:81", origin()) == EPERM)
        #expect(try connect(chain, "198.51.100.1:80", origin()) == ETIMEDOUT)
        #expect(try connect(chain, "[2001:db8::1]:80", origin()) == ETIMEDOUT)
        #expect(try connect(chain, "a.test:80", origin()) == ETIMEDOUT)
    }

    @Test("Where nobody says whose socket it is, it is this process's")
    func ownProcess() throws {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(count, 0)), as: UTF8.self)
        let chain = try chain("rules=deny program=\(own) user=\(getuid())")
        let refused = #expect(throws: LaminaError.self) { try chain.connect(to: Address(host: "192.0.2.1", port: 80)) }
        #expect(refused?.errno == EACCES)
    }

    @Test("Unix sockets have paths, with wildcards")
    func unix() throws {
        let path = "\(directory.path)/socket"
        let base = try BaseProvider.kernel.chain()
        let listener = try base.listen(on: Address(unix: path))
        #expect(
            try connect(try chain("rules=deny \(directory.path)/*", over: .kernel), "unix:\(path)", origin()) == EACCES
        )
        #expect(try connect(try chain("rules=deny unix", over: .kernel), "unix:\(path)", origin()) == EACCES)
        #expect(
            try connect(try chain("rules=deny /nowhere/* tcp udp unix", over: .kernel), "unix:\(path)", origin()) == 0
        )
        let refused = #expect(throws: LaminaError.self) {
            try chain("rules=deny in /*", over: .kernel).listen(on: Address(unix: path + "2"))
        }
        #expect(refused?.errno == EACCES)
        listener.close()
    }

    // MARK: - Serving

    @Test("A server that no rule lets serve isn't bound; a client may bind what it connects from")
    func serving() throws {
        let chain = try chain("rules=[allow in :80, deny in]")
        try chain.listen(on: Address(host: "192.0.2.1", port: 80)).close()
        let refused = #expect(throws: LaminaError.self) { try chain.listen(on: Address(host: "192.0.2.1", port: 81)) }
        #expect(refused?.errno == EACCES)
        #expect(refused?.level == label)
        let client = try chain.open(.connection())
        try client.waiting.bind(to: Address(host: "192.0.2.1", port: 5000))
        let datagrams = try chain.open(.datagram())
        let closed = #expect(throws: LaminaError.self) {
            try datagrams.waiting.bind(to: Address(host: "192.0.2.1", port: 53))
        }
        #expect(closed?.errno == EACCES)
        try datagrams.waiting.bind(to: Address(host: "192.0.2.1", port: 0))
        for socket in [client, datagrams] { socket.close() }
    }

    @Test(
        "Who connects is decided by from=, and one that isn't let in leaves the next",
        arguments: BaseProvider.allCases
    )
    func accepting(base: BaseProvider) throws {
        let chain = try chain(
            "rules=[allow in from=127.0.0.2,allow in from=127.0.0.4/30:7-65535],default=deny",
            over: base
        )
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let place = try listener.waiting.localAddress()
        var clients: [Socket] = []
        for host in ["127.0.0.3", "127.0.0.2", "127.0.0.5"] {
            let client = try base.chain().open(.connection())
            try client.waiting.bind(to: Address(host: host, port: 0))
            try client.waiting.connect(to: place, deadline: soon())
            clients.append(client)
        }
        for client in clients.dropFirst() {
            let accepted = try listener.waiting.accept(deadline: soon())
            #expect(try accepted.waiting.remoteAddress() == client.waiting.localAddress())
            accepted.close()
        }
        for socket in clients + [listener] { socket.close() }
    }

    // MARK: - Datagrams

    @Test("A datagram is decided on by where it goes, and one of a connected socket by the connect")
    func datagrams() throws {
        let chain = try chain("rules=[allow udp 127.0.0.1,deny]")
        let target = try BaseProvider.memory.chain().open(.datagram())
        try target.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let socket = try chain.open(.datagram())
        try socket.waiting.send([1], to: try target.waiting.localAddress())
        #expect(try target.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        let refused = #expect(throws: LaminaError.self) {
            try socket.waiting.send([2], to: Address(host: "192.0.2.1", port: 53))
        }
        #expect(refused?.errno == EACCES)
        let connected = #expect(throws: LaminaError.self) {
            try socket.waiting.connect(to: Address(host: "192.0.2.1", port: 53))
        }
        #expect(connected?.errno == EACCES)
        for socket in [socket, target] { socket.close() }
    }

    @Test("A connection's data pass it by: its sends lead to the base")
    func passes() throws {
        let pair = try Pair(try chain("rules=deny 192.0.2.1"))
        #expect(pair.client.sendLink.levels == 2)
        let level = try #require(try pair.client.levels.first)
        #expect(level.effect(on: .connection) == Effect.none)
        #expect(level.effect(on: .datagram) == .observe)
        try pair.close()
    }

    // MARK: - Names

    @Test(
        "A name is refused when it is asked for, unless a rule may come to allow it",
        arguments: [
            ("deny *.ads.test", "x.ads.test", EACCES), ("deny *.ads.test", "ads.test", 0),
            ("reject x.ads.test", "X.Ads.Test.", ENOENT), ("blackhole=1ms *.ads.test", "x.ads.test", ETIMEDOUT),
            ("deny *.ads.test:443", "x.ads.test", 0), ("deny in *.ads.test", "x.ads.test", 0),
            ("allow 10.0.0.0/8, deny", "x.ads.test", 0), ("allow x.ads.test:443, deny", "x.ads.test", 0),
            ("allow 10.0.0.0/8 program=wget, deny", "x.ads.test", EACCES), ("allow in, deny", "x.ads.test", EACCES),
            ("deny 192.0.2.0/24", "x.ads.test", 0), ("deny tcp", "x.ads.test", 0),
        ]
    )
    func names(rules: String, name: String, errno: Int32) throws {
        let chain = try PluginTests.chain(
            ("firewall=\(label):rules=[\(rules)]", Plugin.product("Firewall")),
            ("hosts:map=*=10.0.0.1", Plugin.product("Hosts")),
            ("memory", Plugin.product("Memory"))
        )
        do {
            #expect(try chain.resolve(name, port: 0).count == 1)
            #expect(errno == 0)
        } catch {
            #expect(error.errno == errno && error.level == label)
        }
    }

    // MARK: - What is swallowed

    @Test("A swallowed connect ends with its deadline, a cancel or the socket, and never by itself where it is never")
    func swallowed() throws {
        let chain = try chain("rules=blackhole=never")
        let late = #expect(throws: LaminaError.self) {
            try chain.connect(to: Address(host: "192.0.2.1", port: 80), deadline: Deadline.after(seconds: 0.05))
        }
        #expect(late?.errno == ETIMEDOUT)
        let client = try chain.open(.connection())
        let calls = PendingCalls()
        #expect(calls.connect(client, to: Address(host: "192.0.2.1", port: 80)) == LAMINA_PENDING)
        calls.cancel(0)
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        client.close()
        let other = try chain.open(.connection())
        #expect(calls.connect(other, to: Address(host: "192.0.2.1", port: 80)) == LAMINA_PENDING)
        try other.waiting.close()
        #expect(calls.wait(for: 2).map(\.status) == [-ECANCELED, -ECANCELED])
    }

    @Test("A connect that only tries and is swallowed answers EAGAIN")
    func tries() throws {
        let client = try chain("rules=blackhole").open(.connection())
        var address = Address(host: "192.0.2.1", port: 80).c
        let tried = try client.perform { handle, request in
            request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY)
            return lamina_socket_connect(handle, &address, 0, request)
        }
        #expect(tried.status == -EAGAIN)
        client.close()
    }

    // MARK: - Changes

    @Test("Rules and the default change while the chain is in use, all of them or none")
    func live() throws {
        let chain = try chain("rules=deny")
        let firewall = chain.instances[0]
        #expect(try connect(chain, "192.0.2.1:80", origin()) == EACCES)
        try firewall.configure("rules", to: "[allow 192.0.2.1,reject]")
        #expect(try connect(chain, "192.0.2.1:80", origin()) == 0)
        #expect(try connect(chain, "192.0.2.2:80", origin()) == ECONNREFUSED)
        let refused = #expect(throws: LaminaError.self) {
            try firewall.configure("rules", to: "[deny, deny nowhere/8]")
        }
        #expect(refused?.description.contains("rules: rule 2, column 13: ") == true, "\(refused?.description ?? "")")
        #expect(try connect(chain, "192.0.2.1:80", origin()) == 0)
        try firewall.configure("rules", to: "\"\"")
        try firewall.configure("default", to: "deny")
        #expect(try connect(chain, "192.0.2.1:80", origin()) == EACCES)
    }

    @Test("Files change as well, all of them or none, and the table is told in the order in which it decides")
    func liveFiles() throws {
        let one = try directory.write("deny 192.0.2.1\n", to: "one")
        let two = try directory.write("reject 192.0.2.1\n", to: "two")
        let chain = try chain("rules=allow :443,file=\(one)")
        let firewall = chain.instances[0]
        #expect(try connect(chain, "192.0.2.1:80", origin()) == EACCES)
        try firewall.configure("file", to: "[\(two),\(one)]")
        #expect(try connect(chain, "192.0.2.1:80", origin()) == ECONNREFUSED)
        let table = [
            "1  allow :443  (rules)", "2  reject 192.0.2.1  (\(two):1)",
            "3  deny 192.0.2.1  (\(one):1; never decides: rule 2 comes first)", "*  allow",
        ]
        #expect(firewall.rules == table)
        let bad = try directory.write("allow\nallow nowhere:\n", to: "bad")
        let refused = #expect(throws: LaminaError.self) { try firewall.configure("file", to: "[\(one),\(bad)]") }
        #expect(refused?.description.contains("\(bad):2: column 7: ") == true, "\(refused?.description ?? "")")
        #expect(firewall.rules == table)
        try firewall.configure("file", to: "[]")
        #expect(try connect(chain, "192.0.2.1:80", origin()) == 0)
    }

    @Test("Rules of the setting come before those of files; a changed file is read again, a bad one is named once")
    func files() throws {
        let file = try directory.write("# rules\n\ndeny 192.0.2.1 # one\r\nallow\n", to: "rules")
        let chain = try chain("rules=allow :443,file=\(file)")
        #expect(try connect(chain, "192.0.2.1:443", origin()) == 0)
        #expect(try connect(chain, "192.0.2.1:80", origin()) == EACCES)
        #expect(try connect(chain, "192.0.2.2:80", origin()) == 0)
        func replace(_ text: String) throws {
            let next = try directory.write(text, to: "next")
            #expect(rename(next, file) == 0)
        }
        try replace("reject 192.0.2.2\n")
        #expect(try connect(chain, "192.0.2.2:80", origin()) == ECONNREFUSED)
        try replace("allow\nallow nowhere:\n")
        #expect(try connect(chain, "192.0.2.2:80", origin()) == ECONNREFUSED)
        #expect(try connect(chain, "192.0.2.2:80", origin()) == ECONNREFUSED)
        let warnings = LayerOutput.lines(of: label).filter { $0.contains("\(file):2: column 7: ") }
        #expect(warnings.count == 1)
    }

    // MARK: - The table

    @Test("The table is printed at the start and when it changes, and what is refused is logged, by rule and place")
    func output() throws {
        let chain = try chain("rules=[allow :443,deny out 192.0.2.0/24],default=reject,show=yes,log=yes")
        #expect(try connect(chain, "192.0.2.1:80", origin("a.test")) == EACCES)
        #expect(try connect(chain, "[2001:db8::1]:80", origin()) == ECONNREFUSED)
        try chain.instances[0].configure("rules", to: "deny")
        #expect(
            LayerOutput.lines(of: label) == [
                "1  allow :443  (rules)", "2  deny out 192.0.2.0/24  (rules)", "*  reject",
                "out tcp 192.0.2.1:80 (a.test) of process 1: rule 2 (rules): deny out 192.0.2.0/24",
                "out tcp [2001:db8:0:0:0:0:0:1]:80 of process 1: default: reject", "1  deny  (rules)", "*  reject",
            ]
        )
    }

    @Test(
        "A rule that can never decide is named",
        arguments: [
            ("deny, allow", 1), ("deny 10.0.0.0/8, allow 10.1.0.0/16:80", 1), ("deny *.test, allow a.test", 1),
            ("deny *.test, allow *.a.test", 1), ("deny tcp, allow tcp out program=curl", 1),
            ("deny in, allow from=10.0.0.0/8", 1), ("deny :1-100, allow :50-60", 1), ("deny /tmp/*, allow /tmp/x", 1),
            ("deny out in, allow out", 1), ("deny program=c*, allow program=curl", 1),
            ("deny tcp udp, allow 10.0.0.1", 1), ("allow 10.1.0.0/16, deny 10.0.0.0/8", 0), ("deny out, allow in", 0),
            ("deny out, allow", 0), ("deny :50-60, allow :1-100", 0), ("deny tcp, allow 10.0.0.1", 0),
            ("deny user=1, allow", 0), ("deny program=curl, allow program=/usr/bin/curl", 0),
            ("deny from=10.0.0.0/8, allow in", 0), ("deny 10.0.0.0/8, allow a.test", 0),
        ]
    )
    func shadowed(rules: String, count: Int) throws {
        let chain = try chain("rules=[\(rules)],show=yes")
        let lines = LayerOutput.lines(of: label)
        #expect(lines.filter { $0.contains("rule 2 (rules) never decides: rule 1 fits everything") }.count == count)
        #expect(
            lines.filter { $0.hasPrefix("2 ") && $0.hasSuffix("never decides: rule 1 comes first)") }.count == count
        )
        #expect(chain.instances.count == 2)
    }

    @Test("What a rule says to never fit never fits: a rule that is called covered decides on nothing")
    func coverage() throws {
        let terms = [
            "", "out", "in", "tcp", "udp", "10.0.0.0/8", "10.1.0.0/16:80", "a.test", "*.test:443", "program=curl",
        ]
        let subjects = [LaminaFirewallRules.Direction.out, .in].flatMap { direction in
            [Transport.tcp, .udp].flatMap { transport in
                [End(bytes: [10, 1, 0, 1], port: 80), End(bytes: [10, 2, 0, 1], name: "a.test", port: 443)].map {
                    Subject(direction, transport, to: $0, program: "/usr/bin/curl", user: 0)
                }
            }
        }
        for first in terms {
            for second in terms {
                let (one, two) = try (RuleReader.rule("deny \(first)"), RuleReader.rule("allow \(second)"))
                guard one.covers(two) else { continue }
                for subject in subjects where two.matches(subject) == true {
                    #expect(one.matches(subject) == true, "\(first) covers \(second), and not \(subject)")
                }
            }
        }
    }

    // MARK: - Mistakes

    @Test(
        "A mistake is marked by rule and column, with what to write",
        arguments: [
            ("drop", 1, 2, "\"drop\" is no action"), ("deny foo/8", 1, 7, "\"foo/8\" is no destination"),
            ("allow, deny out  10.0.0.0/33", 2, 19, "is no destination"),
            ("deny prot=tcp", 1, 7, "\"prot\" is no term"),
            ("deny program=", 1, 7, "nothing behind"), ("deny user=nobody-at-all", 1, 7, "there is no user"),
            ("deny=ENOTHING", 1, 2, "\"ENOTHING\" is no error"), ("blackhole=5", 1, 2, "\"5\" is no time"),
            ("blackhole=99999999999999999m", 1, 2, "is no time"), ("allow=EPERM", 1, 2, "takes none"),
            ("deny out from=10.0.0.1", 1, 11, "what goes out"), ("deny in from=a.test", 1, 10, "has an address"),
            ("deny tcp /tmp/x", 1, 11, "a path is a Unix socket's"), ("deny unix 10.0.0.1", 1, 12, "has a path"),
            ("deny udp from=10.0.0.1", 1, 11, "at its bind"), ("deny 2001:db8::1", 1, 7, "without brackets"),
            ("deny a.test:0", 1, 7, "\"0\" is no port"), ("deny 10.0.*", 1, 7, "is no destination"),
        ]
    )
    func mistakes(rules: String, rule: Int, column: Int, cause: String) throws {
        let failure = #expect(throws: LaminaError.self) { try chain("rules=[\(rules)]") }
        let text = failure?.description ?? ""
        #expect(text.contains("rules: rule \(rule), column \(column): ") && text.contains(cause), "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test("A bad line is marked by file, line and column, and a file that isn't there is named")
    func badLines() throws {
        let file = try directory.write("allow\n# fine\n  deny  nowhere/9\n", to: "rules")
        let failure = #expect(throws: LaminaError.self) { try chain("file=\(file)") }
        #expect(failure?.description.contains("\(file):3: column 9: \"nowhere/9\" is no destination") == true)
        let absent = #expect(throws: LaminaError.self) { try chain("file=\(file).absent") }
        #expect(absent?.description.contains("\(file).absent: can't be opened") == true)
    }

    @Test("The rules of the documentation do what it says")
    func documented() throws {
        let page = "Sources/Lamina/Documentation.docc/Firewall.md"
        let file = try directory.write(try Documentation.block("text", with: "# ACTION", in: page), to: "rules")
        let chain = try chain("file=\(file),default=deny,timeout=1ms")
        let expected: [(String, String?, String, Int32)] = [
            ("192.0.2.9:443", "www.example.com", "/usr/bin/curl", 0), ("192.0.2.9:80", "www.example.com", "", EACCES),
            ("192.0.2.9:443", "x.ads.test", "", ECONNREFUSED), ("10.1.2.3:5432", nil, "/usr/bin/psql", 0),
            ("10.1.2.3:5432", nil, "/usr/bin/curl", ETIMEDOUT), ("[fd00::1]:8080", nil, "", EHOSTUNREACH),
        ]
        for (destination, name, program, errno) in expected {
            #expect(try connect(chain, destination, origin(name, program: program)) == errno, "\(destination)")
        }
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Firewall")
    }
}
