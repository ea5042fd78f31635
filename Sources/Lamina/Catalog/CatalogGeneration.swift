/// How often the directories of a catalog had been changed: one number for each that has been, by its path. Changes by
/// hand aren't counted.
public struct CatalogGeneration: Sendable, Hashable, CustomStringConvertible {
    /// A directory's number.
    public struct Number: Sendable, Hashable {
        /// The directory.
        public let directory: String
        /// The number of its last change, from 1.
        public let generation: Int
    }

    /// The numbers, in the order of the directories.
    public let numbers: [Number]

    init(_ numbers: [(String, Int)]) {
        self.numbers = numbers.map { Number(directory: $0.0, generation: $0.1) }
    }

    /// The number of a directory; 0 where nothing was changed.
    public subscript(directory: String) -> Int {
        numbers.first { $0.directory == directory }?.generation ?? 0
    }

    /// `/etc/lamina/catalog.d 3, /home/me/.config/lamina/catalog.d 12`, or `0`.
    public var description: String {
        numbers.isEmpty ? "0" : numbers.map { "\($0.directory) \($0.generation)" }.joined(separator: ", ")
    }
}
