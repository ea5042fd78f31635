/// Patterns in which `*` stands for any run of bytes.
enum Glob {
    /// Whether a text fits a pattern as a whole; `anyByte`, where there is one, stands for one byte of any value.
    /// Linear in practice: the last `*` alone is retried.
    static func matches(_ pattern: [UInt8], _ text: [UInt8], anyByte: UInt8? = nil) -> Bool {
        var (at, place) = (0, 0)
        var star: (at: Int, place: Int)?
        while place < text.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, place)
                at += 1
            } else if at < pattern.count, pattern[at] == anyByte || pattern[at] == text[place] {
                at += 1
                place += 1
            } else if let last = star {
                star = (last.at, last.place + 1)
                (at, place) = (last.at + 1, last.place + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
