import Lamina

/// The code that stands in the project's documentation.
public enum Documentation {
    /// The first fenced block of a language that holds `mark`, in a file of the package.
    public static func block(_ language: String, with mark: String, in file: String) throws -> String {
        let text = String(decoding: try readAll("\(PackageTree.root)/\(file)"), as: UTF8.self)
        let blocks = text.split(separator: "```", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map(\.element)
        guard let block = blocks.first(where: { $0.hasPrefix("\(language)\n") && $0.contains(mark) }) else {
            throw LaminaError(.notFound, file, "has no block of \(language) with \"\(mark)\"")
        }
        return String(block.dropFirst(language.count + 1))
    }
}
