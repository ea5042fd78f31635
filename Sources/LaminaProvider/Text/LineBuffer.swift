/// One or several lines of text, built in memory of fixed size: whole lines at once, and no allocation for their parts.
///
/// What doesn't fit is cut, and a line that was cut ends with `...`.
public struct LineBuffer: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private let isOwner: Bool
    private var lineStart = 0
    private var isCut = false

    /// Bytes written.
    public private(set) var count = 0

    /// A buffer of so many bytes, four of which are kept for the end of a line that was cut. Allocates them.
    public init(room: Int) {
        memory = .allocate(byteCount: max(room, 0), alignment: 1)
        isOwner = true
    }

    /// A buffer over `memory`, which must live as long as the buffer is used.
    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
        isOwner = false
    }

    deinit {
        if isOwner { memory.deallocate() }
    }

    /// What was written; valid as long as the memory and until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// The column that the next byte gets in its line, from 0.
    public var column: Int { count - lineStart }

    /// Appends one byte.
    public mutating func append(byte: UInt8) {
        // The last four bytes are kept for "..." and the line's end.
        guard count + 4 < memory.count else {
            isCut = true
            return
        }
        memory[count] = byte
        count += 1
    }

    /// Appends a literal.
    public mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(byte: text.utf8Start[index]) }
    }

    /// Appends text as it is.
    public mutating func append(text: String) {
        for byte in text.utf8 { append(byte: byte) }
    }

    /// Appends NUL-terminated text as it is.
    mutating func append(cString: UnsafePointer<CChar>) {
        var next = cString
        while next.pointee != 0 {
            append(byte: UInt8(bitPattern: next.pointee))
            next += 1
        }
    }

    /// Appends a number in decimal, with leading zeros up to `digits`.
    public mutating func append(number: UInt64, digits: Int = 1) {
        var divisor: UInt64 = 1
        var length = 1
        while number / divisor >= 10 {
            divisor *= 10
            length += 1
        }
        for _ in stride(from: length, to: digits, by: 1) { append(byte: UInt8(ascii: "0")) }
        while divisor > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    /// Appends a number that may be negative.
    public mutating func append(signed number: Int64) {
        if number < 0 { append(byte: UInt8(ascii: "-")) }
        append(number: number.magnitude)
    }

    /// Appends a number that ends in the column `width` further on.
    public mutating func append(number: UInt64, width: Int) {
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        for _ in stride(from: length, to: width, by: 1) { append(byte: UInt8(ascii: " ")) }
        append(number: number)
    }

    /// Appends one byte as two hexadecimal digits.
    public mutating func append(hex byte: UInt8) {
        let digits: StaticString = "0123456789abcdef"
        append(byte: digits.utf8Start[Int(byte >> 4)])
        append(byte: digits.utf8Start[Int(byte & 15)])
    }

    /// Appends blanks up to a column of the line, and at least one.
    public mutating func pad(to column: Int) {
        repeat { append(byte: UInt8(ascii: " ")) } while self.column < column && !isCut
    }

    /// Ends the line.
    public mutating func endLine() {
        guard memory.count >= 4 else { return }
        if isCut {
            for _ in 0..<3 {
                memory[count] = UInt8(ascii: ".")
                count += 1
            }
            isCut = false
        }
        memory[count] = UInt8(ascii: "\n")
        count += 1
        lineStart = count
    }
}
