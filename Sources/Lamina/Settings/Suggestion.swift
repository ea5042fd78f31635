/// The nearest name to a mistyped one, for messages.
public enum Suggestion {
    /// The candidate nearest to `name`, where one is near enough: at most a third of the letters differ, by
    /// insertions, deletions, substitutions and swaps of neighbours. Case doesn't count. Of equally near ones, the first
    /// in alphabetical order.
    public static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().utf8)
        guard wanted.count <= 64 else { return nil }
        var best: (distance: Int, name: String)?
        for candidate in candidates {
            let letters = Array(candidate.lowercased().utf8)
            let allowed = max(1, max(wanted.count, letters.count) / 3)
            guard abs(letters.count - wanted.count) <= allowed else { continue }
            let distance = distance(wanted, letters)
            guard distance <= allowed, distance < max(wanted.count, letters.count) else { continue }
            if best.map({ (distance, candidate) < ($0.distance, $0.name) }) ?? true { best = (distance, candidate) }
        }
        return best?.name
    }

    /// A remedy for an unknown `name`: the nearest candidate, else `otherwise`.
    public static func remedy(for name: String, among candidates: some Sequence<String>, otherwise: String) -> String {
        nearest(to: name, among: candidates).map { "did you mean \"\($0)\"?" } ?? otherwise
    }

    /// The optimal string alignment distance (Damerau-Levenshtein without overlapping edits).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for (column, other) in right.enumerated() {
                var cost = min(
                    previous[column] + (letter == other ? 0 : 1),
                    previous[column + 1] + 1,
                    current[column] + 1
                )
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
