import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Explaining a chain")
struct ChainExplanationTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.plugin()
        let protocols: JSON = [
            ["family": "inet", "type": "stream", "protocol": "tcp"],
            ["family": "inet", "type": "datagram", "protocol": "udp"],
        ]
        try directory.manifest("kernel", ["kind": "base", "effect": "none", "protocols": protocols])
        try directory.manifest("look", ["phase": "inspector", "effect": "none"])
        try directory.manifest(
            "crypt",
            ["phase": "crypto-compress", "effect": "transform", "after": ["look"], "categories": ["connection"]]
        )
        try directory.manifest("idle", ["conflicts": ["look"]])
        try directory.manifest("lost", ["library": "lost.so"])
    }

    private func explanation(_ request: ChainSelection.Request = .init(), name: String? = nil) -> ChainExplanation {
        var request = request
        request.environment = nil
        let catalog = directory.catalog("catalog.d", "later")
        let program = ProgramIdentity(name: name, paths: ["/usr/bin/tool"], user: 1000)
        let selection = ChainSelection(request, for: program, in: catalog, lookingEverywhere: true)
        return ChainExplanation(selection, in: catalog)
    }

    private func given(_ layers: String...) throws -> ChainSelection.Request {
        .init(layers: try layers.map { try LayerSpecification(parsing: $0) })
    }

    @Test("Every place is listed with its file, and why it decided or didn't")
    func candidates() throws {
        try directory.write(
            #"{"format": 1, "subject": "name:mine", "layers": ["look"]}"#,
            to: "catalog.d/policies/a.json"
        )
        try directory.write(#"{"format": 1, "subject": "user:1000", "layers": []}"#, to: "catalog.d/policies/b.json")
        let candidates = explanation(name: "mine").selection.candidates
        let policies = "\(directory.path)/catalog.d/policies"
        #expect(
            candidates.map { "\($0.source)" } == [
                "--layer", "LAMINA_LAYERS", "policy name:mine", "policy user:1000", "bare base",
            ]
        )
        #expect(candidates.map(\.isChosen) == [false, false, true, false, false])
        #expect(candidates.map(\.file) == [nil, nil, "\(policies)/a.json", "\(policies)/b.json", nil])
        #expect(candidates[3].reason == "it names the program, but policy name:mine stands before it")
        #expect(explanation().selection.candidates[2].reason == "the run was given no name")
        #expect(explanation().selection.source == .policy(.user("1000")))
    }

    @Test("Each level has its reasons, its conditions, its Winsock category and the file of each fact")
    func levels() throws {
        try directory.write(#"{"phase": "firewall"}"#, to: "later/look.json")
        let explanation = explanation(try given("crypt:when=[port=443]", "look=eye"))
        #expect(explanation.levels.map(\.label) == ["crypt", "eye", "kernel"])
        let eye = explanation.levels[1]
        #expect(eye.facts.first { $0.key == "phase" }?.file == "\(directory.path)/later/look.json")
        #expect(eye.facts.first { $0.key == "effect" }?.file == "\(directory.path)/catalog.d/look.json")
        #expect(eye.reasons == ["below crypt: the order was given"])
        #expect(explanation.levels[0].conditions == ["when=[port=443]"])
        #expect(explanation.warnings.contains("crypt stands above look, but crypt declares after look"))
        let text = explanation.text()
        for part in [
            "2. eye (look): layered, phase firewall (LSP_FIREWALL), effect at most none",
            "linked only when=[port=443]", "\(directory.path)/later/look.json says: phase firewall",
        ] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("A derived order has the reasons of phases and rules")
    func derived() throws {
        try directory.write(
            #"{"format": 1, "layers": ["crypt", "look"], "order": "derived"}"#,
            to: "catalog.d/chains/web.json"
        )
        let explanation = explanation(.init(chain: "web"))
        #expect(explanation.levels.map(\.label) == ["look", "crypt", "kernel"])
        #expect(explanation.levels[1].reasons == ["phase crypto-compress", "crypt declares after look"])
        #expect(explanation.selection.candidates[1].file == "\(directory.path)/catalog.d/chains/web.json")
    }

    @Test("Each kind of socket has its own levels, effect and base")
    func sockets() throws {
        let sockets = explanation(try given("look", "crypt")).sockets
        #expect(sockets.map(\.kind) == [.tcp, .udp, .unix])
        #expect(sockets.map(\.labels) == [["look", "crypt"], ["look"], ["look", "crypt"]])
        #expect(sockets.map(\.effect) == [.transform, .none, .transform])
        #expect(sockets[1].absent.first?.reason == "it stands in sockets of the categories connection alone")
        #expect(sockets.map { $0.protocol?.text } == ["inet stream tcp", "inet datagram udp", nil])
        #expect(sockets[2].baseReason.hasSuffix("and serves no such socket"))
        #expect(sockets[1].consequence.contains("straight to the base"))
    }

    @Test("Installed layers that are not in the chain are listed with why not")
    func absent() throws {
        try directory.write(#"{"masked": true}"#, to: "later/crypt.json")
        let absent = explanation(try given("look")).absent
        #expect(absent.map(\.name) == ["crypt", "idle", "lost"])
        #expect(absent[0].reason == "masked by \(directory.path)/later/crypt.json")
        #expect(absent[1].reason == "nothing names it, and it conflicts with look")
        #expect(absent[2].reason == "installed means available: nothing names it")
    }

    @Test("What is in the way is said instead of thrown")
    func problems() throws {
        for (request, part) in [
            (try given("look", "lost"), "lost.so: the library is missing"),
            (try given("lok"), "did you mean \"look\"?"),
            (try given("look", "idle"), "conflicts with \"look\""),
            (.init(chain: "wbe"), "chain \"wbe\": is not in the catalog"),
        ] {
            let explanation = explanation(request)
            #expect(
                explanation.problem?.description.contains(part) == true,
                "\(explanation.problem?.description ?? "")"
            )
            #expect(explanation.text().contains("Can't be made: "))
            #expect(explanation.json["problem"]?.stringValue?.contains(part) == true)
        }
    }
}
