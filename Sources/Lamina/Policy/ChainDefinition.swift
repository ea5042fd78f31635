/// Layers over a base as somebody wrote them down: what a named chain and a policy hold.
public struct ChainDefinition: Sendable, Equatable {
    /// Where the order of the layers comes from.
    public enum Order: String, Sendable, CaseIterable {
        /// It is the one in which they were written.
        case given
        /// It is derived from phases and rules whenever the layers are used.
        case derived
    }

    /// The layers, each `NAME[=LABEL][:key=value,…]`, the first one next to the program.
    public var layers: [String]
    /// What they stand on, in the same form; nil for the kernel's sockets.
    public var base: String?
    /// Where their order comes from.
    public var order: Order

    /// The base where none is named.
    public static let defaultBase = "kernel"

    /// Layers as they are written.
    public init(layers: [String], base: String? = nil, order: Order = .given) {
        self.layers = layers
        self.base = base
        self.order = order
    }

    /// The layers as a line shows them, in the order written, without values: `trace, count over kernel`.
    public var text: String {
        func shown(_ written: String) -> String { String(written.prefix { $0 != ":" }) }
        let names = layers.isEmpty ? "no layers" : layers.map(shown).joined(separator: ", ")
        return "\(names) over \(base.map(shown) ?? Self.defaultBase)" + (order == .derived ? ", by phases" : "")
    }
}

// MARK: - Files

extension ChainDefinition {
    static let keys = ["layers", "base", "order"]

    init(_ reader: ManifestReader) throws(LaminaError) {
        guard reader.object["layers"] != nil else { throw reader.missing("layers", "list them; [] means none") }
        self.init(
            layers: try reader.texts("layers"),
            base: try reader.text("base"),
            order: try reader.choice("order", Order.self) ?? .given
        )
        for (index, layer) in layers.enumerated() {
            do throws(LaminaError) { _ = try LayerSpecification(parsing: layer) } catch {
                throw reader.error("layers[\(index)]", error.cause, remedy: error.remedy)
            }
        }
    }

    func write(to object: inout JSON.Object) {
        object["layers"] = .array(layers.map { .string($0) })
        if let base { object["base"] = .string(base) }
        object["order"] = .string(order.rawValue)
    }
}

// MARK: - Use

extension ChainDefinition {
    /// The layers in the order in which they stand, and the base where one is named. A derived order reads the catalog;
    /// throws where a layer isn't there or the order can't be had.
    public func resolved(
        in catalog: Catalog
    ) throws(LaminaError) -> (layers: [LayerSpecification], base: LayerSpecification?) {
        let layers = try specifications()
        let base = try base.map { text throws(LaminaError) in try LayerSpecification(parsing: text) }
        guard order == .derived else { return (layers, base) }
        var members: [ChainMember] = []
        var absent: [LayerSpecification] = []
        for layer in layers {
            do throws(LaminaError) {
                members.append(try Self.member(of: layer, in: catalog, helper: nil))
            } catch {
                guard layer.required == false else { throw error }
                absent.append(layer)
            }
        }
        let order = try ChainOrder(deriving: members)
        let byLabel = Dictionary(layers.map { ($0.label, $0) }) { first, _ in first }
        return (order.placements.compactMap { byLabel[$0.member.label] } + absent, base)
    }

    /// Checks everything that can be checked before these layers are used: that each is there and is a layer, its settings,
    /// labels, conflicts, requirements and the order; that no secret and no relative path is written down. Nothing of
    /// `@FILE` and `env:NAME` is read.
    ///
    /// A library that is named by its path is probed in a child process by `helper` (see `Probe.run`); without one only
    /// its file is examined. Gives the order, with what is unusual about it. Blocks for files and the child.
    @discardableResult
    public func check(in catalog: Catalog, helper: [String]? = nil) throws(LaminaError) -> ChainOrder {
        var members: [ChainMember] = []
        var labels: Set<String> = []
        for layer in try specifications() {
            guard labels.insert(layer.label).inserted else {
                throw LaminaError(
                    .invalidChain,
                    "label \"\(layer.label)\"",
                    "is given twice",
                    remedy: "give one its own: \(layer.name)=LABEL"
                )
            }
            if layer.isPath {
                try Self.check(path: layer.name, of: layer)
                if order == .derived {
                    throw LaminaError(
                        .invalidChain,
                        "layer \"\(layer.label)\"",
                        "is no installed provider, so nothing says where it belongs",
                        remedy: "lamina install \(layer.name), or leave out --derive"
                    )
                }
                if helper == nil { continue }
            }
            let member = try Self.member(of: layer, in: catalog, helper: helper)
            if member.manifest.kind == .base {
                throw LaminaError(
                    .invalidChain,
                    "layer \"\(layer.label)\"",
                    "is a base",
                    remedy: "name it with --base, and layers alone here"
                )
            }
            try StoredSettings.check(layer, declared: member.manifest.settings)
            members.append(member)
        }
        try checkBase(in: catalog, helper: helper)
        return order == .derived ? try ChainOrder(deriving: members) : try ChainOrder(keeping: members)
    }

    private func checkBase(in catalog: Catalog, helper: [String]?) throws(LaminaError) {
        guard let base else { return }
        let layer = try LayerSpecification(parsing: base)
        if layer.isPath {
            try Self.check(path: layer.name, of: layer)
            if helper == nil { return }
        }
        let manifest = try Self.member(of: layer, in: catalog, helper: helper).manifest
        guard manifest.kind != .layered else {
            throw LaminaError(
                .invalidChain,
                "base \"\(layer.name)\"",
                "is a layer",
                remedy: "name a base, e.g. \(Self.defaultBase)"
            )
        }
        try StoredSettings.check(layer, declared: manifest.settings)
    }

    func specifications() throws(LaminaError) -> [LayerSpecification] {
        var specifications: [LayerSpecification] = []
        for layer in layers { specifications.append(try LayerSpecification(parsing: layer)) }
        return specifications
    }

    private static func check(path: String, of layer: LayerSpecification) throws(LaminaError) {
        guard path.hasPrefix("/") else {
            throw LaminaError(
                .invalidChain,
                "layer \"\(layer.label)\"",
                "\(path) is relative, and what is stored is used from anywhere",
                remedy: "write \(File.resolved(path) ?? "the whole path")"
            )
        }
        var verifier = LibraryVerifier()
        try verifier.check(path, pin: nil, identity: nil)
    }

    /// What is known of a layer before it is loaded: from the catalog, or from a probe of its file.
    static func member(
        of layer: LayerSpecification,
        in catalog: Catalog,
        helper: [String]?
    ) throws(LaminaError) -> ChainMember {
        guard layer.isPath else {
            let manifest = try catalog.manifest(named: layer.name)
            return ChainMember(manifest, label: layer.label, files: try catalog.entry(named: layer.name).files)
        }
        guard let helper else {
            throw LaminaError(
                .notSupported,
                "layer \"\(layer.label)\"",
                "is a file, whose manifest only a probe knows",
                remedy: "lamina install \(layer.name)"
            )
        }
        let manifests = try Probe.run(layer.name, helper: helper)
        guard manifests.count == 1, let manifest = manifests.first else {
            throw LaminaError(
                .invalidChain,
                layer.name,
                "has \(manifests.count) providers, and nothing says which one is meant",
                remedy: "lamina install \(layer.name), and name one"
            )
        }
        return ChainMember(manifest, label: layer.hasOwnLabel ? layer.label : manifest.name)
    }
}

/// The settings of a layer that is written down: checked without what they refer to, and without secrets.
private enum StoredSettings {
    static func check(_ layer: LayerSpecification, declared: [SettingDeclaration]) throws(LaminaError) {
        var plain = layer
        for (index, setting) in layer.settings.enumerated() {
            guard let declaration = declared.first(where: { $0.name == setting.key }) else { continue }
            let subject = "layer \"\(layer.label)\": \(setting.key)"
            var values: [WrittenValue] = []
            for value in setting.values { values.append(try checked(value, declaration, subject)) }
            plain.settings[index].values = values
        }
        _ = try Settings(of: plain, declared: declared)
    }

    /// What stands for a value that is checked without being read.
    private static func checked(
        _ value: WrittenValue,
        _ declaration: SettingDeclaration,
        _ subject: String
    ) throws(LaminaError) -> WrittenValue {
        switch value {
        case .bare, .quoted, .secret:
            if declaration.type != .secret, case .bare = value { return value }
            if declaration.type != .secret, case .quoted = value { return value }
            throw LaminaError(
                .invalidSetting,
                subject,
                "is a secret, which no file may hold",
                remedy: "write \(declaration.name)=env:NAME or \(declaration.name)=@/FILE"
            )
        case .file(let path) where !path.hasPrefix("/"):
            throw LaminaError(
                .invalidSetting,
                subject,
                "@\(path) is relative, and what is stored is used from anywhere",
                remedy: "write @\(File.resolved(path) ?? "/FILE")"
            )
        case .file, .environment:
            return [.text, .path, .secret].contains(declaration.type) ? .quoted("reference") : value
        }
    }
}
