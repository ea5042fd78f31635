import Glibc
import Lamina

/// A reader of bytes that come from elsewhere, with what must hold of whatever it accepts.
public enum Reader: String, CaseIterable, Sendable {
    /// Any JSON text.
    case json
    /// A provider's manifest.
    case manifest
    /// A layer as written on a command line, with its settings checked against declarations of every type.
    case layer
    /// Whom a policy is for.
    case subject
    /// The other files of a catalog: a named chain, a policy, a change's record.
    case catalog
    /// The value that hands a socket to another process; what stands in its place is tried with a right checksum too.
    case info
    /// The rules of the layer `firewall`.
    case firewall
    /// A rule of the layer `fault`.
    case fault
    /// Rules of the layer `redirect`, then a file of them.
    case redirect
    /// Names of the layer `hosts`, then a file of them.
    case hosts
    /// A line of the control protocol.
    case control
    /// A question to a name server.
    case query
    /// What a client of `lamina forward --socks` says.
    case socks
    /// What a server says to the layer `socks5`.
    case proxy
    /// What is asked of the layer `meter`.
    case request

    /// What a reader made of an input contradicts itself.
    public struct Contradiction: Error, CustomStringConvertible {
        /// What is wrong, in one sentence.
        public let description: String
    }

    /// Reads one input; `plugins` is the folder that has the plug-ins, should it be read by one. What the reader refuses is
    /// fine, as long as it refuses it with an error.
    public func read(_ bytes: [UInt8], plugins: String) throws(Contradiction) {
        switch self {
        case .json: try readJSON(bytes)
        case .manifest: try readManifest(bytes)
        case .layer: try readLayer(bytes)
        case .subject: try readSubject(bytes)
        case .catalog: try readCatalog(bytes)
        case .info: try readInfo(bytes)
        case .firewall: try readFirewall(bytes)
        case .fault: try readFault(bytes)
        case .redirect: try readRedirect(bytes)
        case .hosts: try readHosts(bytes)
        case .control: try readControl(bytes)
        case .query: try readQuery(bytes)
        case .socks: try readSocks(bytes)
        case .proxy: try readProxy(bytes, plugins)
        case .request: try readRequest(bytes)
        }
    }

    private func readJSON(_ bytes: [UInt8]) throws(Contradiction) {
        guard let value = try? JSON(parsing: bytes) else { return }
        for pretty in [false, true] {
            let text = value.text(pretty: pretty)
            try require((try? JSON(parsing: text)) == value, "\(text) reads back as something else")
        }
    }

    private func readManifest(_ bytes: [UInt8]) throws(Contradiction) {
        guard let manifest = try? Manifest(parsing: bytes, file: "/catalog.d/fuzz.json") else { return }
        let text = manifest.json.text()
        let again = try? Manifest(parsing: Array(text.utf8), file: "/catalog.d/fuzz.json")
        try require(again == manifest, "\(text) reads back as another manifest")
    }

    private func readLayer(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let layer = try? LayerSpecification(parsing: text)
        else { return }
        try require(!layer.name.isEmpty && !layer.label.isEmpty, "a name or a label of \(text) is empty")
        guard let settings = try? Settings(of: layer, declared: Self.declarations), !settings.items.isEmpty else {
            return
        }
        // A secret isn't shown; everything else can be given again as it is shown.
        guard !settings.items.contains(where: { $0.value.isSecret }) else { return }
        let shown = "any:\(settings)"
        let again = (try? LayerSpecification(parsing: shown)).flatMap {
            try? Settings(of: $0, declared: Self.declarations)
        }
        try require(again == settings, "\(shown) reads back as \(again.map { "\($0)" } ?? "nothing")")
    }

    private func readSubject(_ bytes: [UInt8]) throws(Contradiction) {
        guard let text = String(validating: bytes, as: UTF8.self), let subject = try? PolicySubject(parsing: text)
        else { return }
        let again = try? PolicySubject(parsing: subject.description)
        try require(again == subject, "\(subject) reads back as \(again.map { "\($0)" } ?? "nothing")")
    }

    private func readCatalog(_ bytes: [UInt8]) throws(Contradiction) {
        let folder = Self.folder
        for file in ["chains/fuzz.json", "policies/fuzz.json", ".history/00000001.json"] {
            try require(Self.write(bytes, to: "\(folder)/\(file)"), "\(folder)/\(file) can't be written")
        }
        let catalog = Catalog(directories: [CatalogDirectory(folder)])
        _ = catalog.entries
        if let chain = try? catalog.chain(named: "fuzz") {
            let again = try? NamedChain("fuzz", chain.definition)
            try require(again?.json == chain.json, "\(chain.json.text()) reads back as another chain")
        }
        for policy in catalog.policies().sound {
            let again = Policy(policy.subject, policy.choice)
            try require(again.json == policy.json, "\(policy.json.text()) reads back as another policy")
        }
    }

    private func readInfo(_ bytes: [UInt8]) throws(Contradiction) {
        var inputs = [bytes]
        let digest = SHA256.hexadecimal(of: Array(bytes.prefix(248)))
        let check = stride(from: 0, to: 16, by: 2).compactMap { UInt8(digest.dropFirst($0).prefix(2), radix: 16) }
        if bytes.count >= 248 { inputs.append(bytes.prefix(248) + check) }
        for input in inputs {
            guard let info = try? ProtocolInfo(parsing: input) else { continue }
            try require(Array(info.bytes) == input, "a value of \(input.count) bytes reads back as another one")
        }
    }

    /// A `catalog.d` directory, in which no change has been applied; it goes with the process.
    private static let folder: String = {
        let template = strdup("/tmp/lamina-fuzz-XXXXXX")
        defer { free(template) }
        guard let template, mkdtemp(template) != nil else { return "/nonexistent" }
        let made = String(cString: template)
        for name in ["chains", "policies", ".history"] { mkdir("\(made)/\(name)", 0o755) }
        _ = write(Array("0\n".utf8), to: "\(made)/.generation")
        atexit {
            for name in ["chains/fuzz.json", "policies/fuzz.json", ".history/00000001.json", ".generation"] {
                unlink("\(Reader.folder)/\(name)")
            }
            for name in ["chains", "policies", ".history", ""] { rmdir("\(Reader.folder)/\(name)") }
        }
        return made
    }()

    private static func write(_ bytes: [UInt8], to file: String) -> Bool {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        return descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count
    }

    private static let declarations =
        SettingType.allCases.map {
            SettingDeclaration(name: $0.rawValue, type: $0, choices: $0 == .choice ? ["one", "two"] : [])
        } + [SettingDeclaration(name: "list", type: .text, isList: true)]

    func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(Contradiction) {
        if !condition { throw Contradiction(description: sentence()) }
    }
}

extension SettingValue {
    /// Whether it, or one of its elements, is shown as dots.
    fileprivate var isSecret: Bool {
        switch self {
        case .secret: true
        case .list(let values): values.contains { $0.isSecret }
        default: false
        }
    }
}
