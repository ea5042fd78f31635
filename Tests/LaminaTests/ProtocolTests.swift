import Glibc
import Lamina
import TestSupport
import Testing

@Suite("What an entry says of its protocols")
struct ProtocolTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.plugin()
    }

    private func base(_ name: String, _ members: [String: JSON] = [:], _ protocols: JSON...) throws {
        var all: [String: JSON] = ["kind": "base", "effect": "none", "protocols": .array(protocols)]
        all.merge(members) { _, new in new }
        try directory.manifest(name, all)
    }

    private let tcp: JSON = ["family": "inet", "type": "stream", "protocol": "tcp"]

    @Test("Everything that WSAPROTOCOL_INFO has is read and written again")
    func roundTrip() throws {
        let full: JSON = [
            "family": "inet6", "type": "datagram", "protocol": 20, "protocol-maximum-offset": 5,
            "services": ["connectionless", "multipoint", "quality-of-service", "ifs-handles"],
            "flags": ["recommended"], "message-size": 1, "byte-order": "little", "security": "dtls",
        ]
        try base("wire", ["uuid": "4f0b1f6e-7c0d-4e0a-9d53-3f6f1d9a2c01", "version": "2.1"], full, tcp)
        let manifest = try directory.catalog().manifest(named: "wire")
        let entry = manifest.protocols[0]
        #expect(entry.json == full)
        #expect(entry.serviceFlags == [.connectionless, .multipoint, .qualityOfService, .kernelDescriptors])
        #expect(entry.security == "dtls" && entry.byteOrder == .little && entry.providerFlags == .recommended)
        #expect(entry.addressSizes == 28...28)
        #expect(entry.text == "inet6 datagram 20-25")
        let information = try #require(directory.catalog().protocols().first)
        #expect(information.uuid == manifest.uuid && information.version == "2.1" && information.chain == ["wire"])
        #expect(information.flags == [.recommended, .multipleProtocols])
        #expect(information.json["address-size"]?["max"]?.integerValue == 28)
    }

    @Test(
        "What a protocol can't be is refused by file and key",
        arguments: [
            (#""flags": ["hidden"]"#, "protocols[0].flags\": \"hidden\" is unknown; say one of recommended"),
            (#""byte-order": "middle""#, "protocols[0].byte-order\": \"middle\" is unknown"),
            (#""security": "a b""#, "protocols[0].security\": \"a b\" is no name"),
            (#""protocol": -1"#, "is no range of protocols"), (#""srvices": []"#, "did you mean \"services\"?"),
        ]
    )
    func refuses(member: String, part: String) throws {
        let entry = try JSON(parsing: "{\"family\": \"inet\", \"type\": \"stream\", \(member)}")
        try base("wire", [:], entry)
        #expect(try directory.catalog().entry(named: "wire").reason?.contains(part) == true)
    }

    @Test("A socket without a protocol gets an entry that is flagged for it, or whose range begins at 0")
    func protocolZero() throws {
        let flags: [JSON] = [[], ["matches-protocol-zero"], ["recommended"]]
        for (flag, fits) in zip(flags, [false, true, false]) {
            try base("wire", [:], ["family": "inet", "type": "stream", "protocol": "tcp", "flags": flag])
            let found = try? directory.catalog().base(family: AF_INET, type: 1, protocol: 0)
            #expect((found != nil) == fits, "\(flag)")
            #expect(try directory.catalog().base(family: AF_INET, type: 1, protocol: 6).name == "wire")
        }
        try base("wire", [:], ["family": "unix", "type": "stream", "flags": []])
        #expect(try directory.catalog().base(family: AF_UNIX, type: 1, protocol: 0).name == "wire")
    }

    @Test("Sockets are offered bases and chains without hidden ones; everything is listed where it is asked for")
    func enumerates() throws {
        try base("wire", [:], tcp, ["family": "inet", "type": "datagram", "protocol": "udp"])
        try base("secret", ["hidden": true], tcp)
        try base("lost", ["library": "lost.so"], tcp)
        try directory.manifest("layer")
        try directory.write(#"{"format": 1, "layers": ["layer"], "base": "wire"}"#, to: "catalog.d/chains/web.json")
        try directory.write(#"{"format": 1, "layers": [], "base": "secret"}"#, to: "catalog.d/chains/deep.json")
        try directory.write(#"{"masked": true}"#, to: "later/layer.json")
        let catalog = directory.catalog("catalog.d", "later")
        func names(_ items: [ProtocolInformation]) -> [String] { items.map { "\($0.kind.rawValue) \($0.name)" } }
        #expect(names(catalog.protocols()) == ["chain deep", "chain web", "chain web", "base wire", "base wire"])
        #expect(names(catalog.protocols(of: [17])) == ["chain web", "base wire"])
        let all = catalog.allProtocols()
        #expect(
            names(all) == [
                "chain deep", "chain web", "chain web", "base lost", "base secret", "base wire", "base wire",
                "layer layer",
            ]
        )
        #expect(all.first { $0.name == "web" }?.chain == ["layer", "wire"])
        #expect(all.first { $0.name == "secret" }?.flags.contains(.hidden) == true)
        #expect(all.first { $0.name == "layer" }?.reason?.contains("later/layer.json") == true)
        #expect(all.first { $0.name == "layer" }?.protocol == nil)
    }

    @Test("A descriptor's protocols are of the size that it says, and every flag has a meaning")
    func descriptors() throws {
        let held = try PackageTree.plugin("libLaminaKernel.so")
        let manifest = try Library.load(held).provider().manifest
        #expect(manifest.protocols.allSatisfy { $0.serviceFlags.contains(.kernelDescriptors) })
        #expect(manifest.protocols.allSatisfy { $0.providerFlags == .matchesProtocolZero })
    }

    @Test(
        "A list is filtered by every term, and a wrong value gets the nearest",
        arguments: [
            ([("kind", "base")], ["wire"]), ([("kind", "layered")], ["crypt", "look"]),
            ([("phase", "inspector")], ["look"]),
            ([("effect", "transform")], ["crypt"]), ([("family", "inet"), ("type", "stream")], ["wire"]),
            ([("family", "unix")], []), ([("state", "unavailable")], ["lost"]), ([("from", "user")], []),
            ([("from", "given"), ("effect", "observe")], ["look", "lost"]), ([("kind", "chain")], []),
        ] as [([(String, String)], [String])]
    )
    func filters(terms: [(String, String)], expected: [String]) throws {
        try base("wire", [:], tcp)
        try directory.manifest("look", ["phase": "inspector"])
        try directory.manifest("crypt", ["effect": "transform"])
        try directory.manifest("lost", ["library": "lost.so", "kind": "terminating"])
        try directory.write(#"{"format": 1, "layers": [], "base": "wire"}"#, to: "catalog.d/chains/web.json")
        let filter = try CatalogFilter(terms.map { (term: $0.0, value: $0.1) })
        #expect(directory.catalog().verified().filter(filter.admits).map(\.name) == expected)
        let chain = try directory.catalog().chain(named: "web")
        let isAdmitted = filter.admits(chain, in: directory.catalog())
        let layerTerms = ["phase", "effect"]
        let wanted = terms.allSatisfy { term, value in
            !layerTerms.contains(term) && ["chain", "inet", "stream", "given", "available"].contains(value)
        }
        #expect(isAdmitted == wanted, "\(terms)")
    }

    @Test("A filter's wrong value is answered with the nearest")
    func filterMistakes() {
        for (term, value, part) in [
            ("kind", "bse", "did you mean \"base\"?"), ("phase", "inspecter", "\"inspector\""),
            ("knd", "base", "\"kind\""),
            ("effect", "some", "say one of none, observe, transform"),
        ] {
            let error = #expect(throws: LaminaError.self) { try CatalogFilter([(term: term, value: value)]) }
            #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
        }
    }
}
