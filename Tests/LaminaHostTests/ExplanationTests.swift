import Glibc
import Lamina
import LaminaHost
import TestSupport
import Testing

@Suite("Explaining a run")
struct ExplanationTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.plugins("Kernel", "Count", "Socks5")
    }

    private func explain(
        _ program: String,
        _ layers: String...,
        as change: (inout ProgramIdentity) -> Void = { _ in }
    ) throws -> Explanation {
        var request = ChainSelection.Request(layers: try layers.map { try LayerSpecification(parsing: $0) })
        request.environment = nil
        return Explanation(of: program, choosing: request, catalog: directory.catalog(), as: change)
    }

    @Test("A program is carried by a back end, or refused for the reason that a run gives")
    func verdicts() throws {
        #expect(try explain(HostFixtures.client).verdict == .carried(by: .preload))
        #expect(try explain(HostFixtures.staticClient).verdict == .carried(by: .notify))
        for program in ["/nonexistent/program", "/etc/passwd", "no-such-program"] {
            guard case .refused(let reason) = try explain(program).verdict else {
                Issue.record("\(program) is not refused")
                continue
            }
            let ending = try HostFixtures.run([], [program])
            #expect(ending.errors == "lamina: \(reason)\n")
        }
    }

    @Test("What a socket's effect leads to in a run is said for each kind")
    func consequences() throws {
        let bare = try explain(HostFixtures.client).text
        #expect(bare.contains("effect at most none: no hop: the program's own socket is connected"))
        let counted = try explain(HostFixtures.client, "count")
        #expect(counted.text.contains("effect at most observe: pumped: the program's socket is connected to a worker"))
        let proxied = try explain(HostFixtures.client, "socks5:server=192.0.2.1")
        #expect(proxied.text.contains("effect at most transform: no hop for a blocking connect"))
        let sockets = try #require(counted.json["sockets"]?.arrayValue)
        #expect(sockets.map { $0["socket"]?.stringValue } == ["TCP", "UDP", "Unix"])
        #expect(sockets[1]["consequence"]?.stringValue?.hasPrefix("not carried by a run: datagrams") == true)
        #expect(counted.json["back-end"]?.stringValue == "preload")
    }

    @Test("A check tells the rules of levels that have some, or what is wrong with them")
    func check() throws {
        try directory.plugins("Firewall", "Redirect")
        func check(_ layers: String...) throws -> RunCheck {
            var request = ChainSelection.Request(layers: try layers.map { try LayerSpecification(parsing: $0) })
            request.environment = nil
            return RunCheck(
                of: HostFixtures.client,
                wanted: nil,
                choosing: request,
                catalog: directory.catalog(),
                helper: ["\(PackageTree.products)/lamina", "--probe"]
            )
        }
        let sound = try check("firewall:rules=deny *.test", "count", "redirect=to:rule=a.test=refuse")
        #expect(sound.code == 0 && sound.problem == nil)
        #expect(sound.levels.map(\.label) == ["firewall", "to"])
        #expect(sound.text.hasSuffix("Rules of to:\n  1  a.test=refuse  (rule)\n  *  pass"), "\(sound.text)")
        let wrong = try check("firewall:rules=deny,rule=x", "count")
        #expect(wrong.code == 125 && wrong.text.contains("has no setting \"rule\""), "\(wrong.text)")
        #expect(wrong.json["levels"]?.arrayValue?.first?["error"] != nil)
        let bare = try check("count")
        #expect(bare.code == 0 && bare.levels.isEmpty)
        let absent = try check("nobody")
        #expect(absent.code == 125 && absent.text.contains("The chain can't be made: "), "\(absent.text)")
    }

    @Test("What if another user, unit or name ran it")
    func whatIf() throws {
        for (subject, layers) in [("user:4711", "count=user"), ("unit:web", "count=unit"), ("name:mine", "count=name")]
        {
            let policy = Policy(try PolicySubject(parsing: subject), .layers(ChainDefinition(layers: [layers])))
            try directory.writer().write(policy, in: directory.catalog())
        }
        func first(_ change: (inout ProgramIdentity) throws -> Void) throws -> String? {
            var asked = ProgramIdentity(user: 1)
            try change(&asked)
            return try explain(HostFixtures.client) { $0 = asked }.chain.levels.first?.label
        }
        let user = try first { try $0.set(user: "4711") }
        let unit = try first { try $0.set(unit: "web") }
        let name = try first { $0.name = "mine" }
        let nobody = try first { _ in }
        #expect([user, unit, name, nobody] == ["user", "unit", "name", "kernel"])
        #expect(throws: LaminaError.self) { try first { try $0.set(user: "nobody-of-this-name") } }
    }

    @Test("A run without layers gets what the policy for its program says")
    func chosen() throws {
        let policy = Policy(
            try PolicySubject(parsing: "path:\(HostFixtures.client)"),
            .layers(ChainDefinition(layers: ["count=mine"], base: "kernel:nodelay=no"))
        )
        try directory.writer().write(policy, in: directory.catalog())
        let catalog = directory.catalog()
        var request = ChainSelection.Request()
        request.environment = nil
        let run = try Run(program: HostFixtures.client, choosing: request, catalog: catalog)
        #expect(run.layers.map(\.label) == ["mine"])
        #expect(run.base.settings.first?.values == [.bare("no")])
        #expect(try Run(program: "true", choosing: request, catalog: catalog).layers.isEmpty)
        request.chain = "web"
        #expect(throws: LaminaError.self) { try Run(program: "true", choosing: request, catalog: catalog) }
    }
}
