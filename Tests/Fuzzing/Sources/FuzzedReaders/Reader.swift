import Lamina

/// A reader of bytes that come from elsewhere, with what must hold of whatever it accepts.
public enum Reader: String, CaseIterable, Sendable {
    /// Any JSON text.
    case json
    /// A provider's manifest.
    case manifest
    /// A layer as written on a command line, with its settings checked against declarations of every type.
    case layer

    /// What a reader made of an input contradicts itself.
    public struct Contradiction: Error, CustomStringConvertible {
        /// What is wrong, in one sentence.
        public let description: String
    }

    /// Reads one input. What the reader refuses is fine, as long as it refuses it with an error.
    public func read(_ bytes: [UInt8]) throws(Contradiction) {
        switch self {
        case .json: try readJSON(bytes)
        case .manifest: try readManifest(bytes)
        case .layer: try readLayer(bytes)
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

    private static let declarations =
        SettingType.allCases.map {
            SettingDeclaration(name: $0.rawValue, type: $0, choices: $0 == .choice ? ["one", "two"] : [])
        } + [SettingDeclaration(name: "list", type: .text, isList: true)]

    private func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(Contradiction) {
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
