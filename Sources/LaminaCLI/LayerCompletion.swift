import ArgumentParser
import Lamina

/// What a shell completes where a layer is named.
enum LayerCompletion {
    /// The names in the catalog.
    static let kind = CompletionKind.custom { _, _, _ in Catalog().entries.map(\.name) }
}
