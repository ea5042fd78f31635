extension JSON {
    /// How deep arrays and objects may nest.
    public static let depthLimit = 64

    /// Reads one JSON text: RFC 8259 and nothing beside it.
    ///
    /// Refused as well: bytes that aren't UTF-8, a byte order mark, a key that stands twice in one object, nesting deeper
    /// than `depthLimit`, more than `limit` bytes, and numbers beyond a double. The error's subject is
    /// `name:line:column`, counted from 1 in characters.
    public init(
        parsing bytes: [UInt8],
        named name: String = "JSON",
        limit: Int = 1 << 20,
        code: LaminaError.Code = .invalidArgument
    ) throws(LaminaError) {
        guard bytes.count <= limit else {
            throw LaminaError(code, name, "has \(bytes.count) bytes, more than the \(limit) that are read")
        }
        self = try bytes.withUnsafeBufferPointer { bytes throws(LaminaError) in
            var reader = JSONReader(bytes: bytes, name: name, code: code)
            return try reader.readText()
        }
    }

    /// Reads one JSON text from a string.
    public init(parsing text: String, named name: String = "JSON") throws(LaminaError) {
        try self.init(parsing: Array(text.utf8), named: name)
    }
}

/// A recursive descent over the bytes of one text.
private struct JSONReader {
    let bytes: UnsafeBufferPointer<UInt8>
    let name: String
    let code: LaminaError.Code
    var offset = 0
    var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>, name: String, code: LaminaError.Code) {
        self.bytes = bytes
        self.name = name
        self.code = code
    }

    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func readText() throws(LaminaError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw error("begins with a byte order mark", remedy: "save the file as UTF-8 without one")
        }
        let value = try readValue("a value")
        skipSpace()
        guard next == nil else { throw expected("the end of the text") }
        return value
    }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    mutating func readValue(_ what: String) throws(LaminaError) -> JSON {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try nested { reader throws(LaminaError) in try reader.readObject() }
        case UInt8(ascii: "["): return try nested { reader throws(LaminaError) in try reader.readArray() }
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try readNumber()
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: throw expected(what)
        }
    }

    mutating func nested(
        _ read: (inout JSONReader) throws(LaminaError) -> JSON
    ) throws(LaminaError) -> JSON {
        guard depth < JSON.depthLimit else { throw error("nests deeper than \(JSON.depthLimit) levels") }
        depth += 1
        offset += 1
        let value = try read(&self)
        depth -= 1
        return value
    }

    mutating func readWord(_ word: StaticString, _ value: JSON) throws(LaminaError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard offset + index < bytes.count, bytes[offset + index] == word.utf8Start[index] else {
                throw error("expected \(word)")
            }
        }
        offset += word.utf8CodeUnitCount
        return value
    }

    mutating func readArray() throws(LaminaError) -> JSON {
        var elements: [JSON] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            offset += 1
            return .array(elements)
        }
        while true {
            elements.append(try readValue("an element"))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"):
                offset += 1
                return .array(elements)
            default: throw expected("',' or ']' after an element")
            }
        }
    }

    mutating func readObject() throws(LaminaError) -> JSON {
        var members: [(key: String, value: JSON)] = []
        var seen = KeySet()
        skipSpace()
        if next == UInt8(ascii: "}") {
            offset += 1
            return .object(JSON.Object(distinct: members))
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw expected("a key in quotes") }
            let start = offset
            let key = try readString()
            guard seen.insert(key, after: members) else {
                offset = start
                throw error("the key \"\(key)\" stands twice in this object", remedy: "remove one")
            }
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw expected("':' after the key \"\(key)\"") }
            offset += 1
            members.append((key, try readValue("the value of \"\(key)\"")))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"):
                offset += 1
                return .object(JSON.Object(distinct: members))
            default: throw expected("',' or '}' after the value of \"\(key)\"")
            }
        }
    }
}

/// The keys of one object so far: compared one by one while they are few, hashed when they are many.
private struct KeySet {
    private var hashed: Set<String> = []

    /// Adds a key to those of `members`; false where it is among them.
    mutating func insert(_ key: String, after members: [(key: String, value: JSON)]) -> Bool {
        if members.count < 16 {
            return !members.contains { $0.key == key }
        }
        if hashed.isEmpty { hashed = Set(members.map(\.key)) }
        return hashed.insert(key).inserted
    }
}

// MARK: - Strings

extension JSONReader {
    fileprivate mutating func readString() throws(LaminaError) -> String {
        let opening = offset
        offset += 1
        var start = offset
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                let end = offset
                offset += 1
                if text.isEmpty {
                    return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
                }
                text += bytes[start..<end]
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += bytes[start..<offset]
                text += try readEscape()
                start = offset
            case 0..<0x20: throw error("a control character stands in a string", remedy: "write it as \\u00XX")
            case 0..<0x80: offset += 1
            default: try skipSequence(first: byte)
            }
        }
        offset = opening
        throw error("the string that begins here never ends", remedy: "is the file truncated?")
    }

    /// Steps over one well-formed UTF-8 sequence of two to four bytes.
    private mutating func skipSequence(first: UInt8) throws(LaminaError) {
        let second: ClosedRange<UInt8>
        let length: Int
        switch first {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw notUTF8()
        }
        guard offset + length <= bytes.count, second.contains(bytes[offset + 1]) else { throw notUTF8() }
        for index in 2..<max(length, 2) where bytes[offset + index] & 0xC0 != 0x80 { throw notUTF8() }
        offset += length
    }

    private func notUTF8() -> LaminaError {
        error("the bytes of a string are not UTF-8", remedy: "save the file as UTF-8")
    }

    /// Reads an escape from its backslash on and gives its UTF-8.
    private mutating func readEscape() throws(LaminaError) -> [UInt8] {
        let start = offset
        offset += 1
        guard let letter = next else { throw expected("an escape") }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            let unit = try readUnit()
            var value = UInt32(unit)
            if (0xD800...0xDBFF).contains(unit), next == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                bytes[offset + 1] == UInt8(ascii: "u")
            {
                offset += 2
                let low = UInt32(try readUnit())
                if (0xDC00...0xDFFF).contains(low) { value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00) }
            }
            guard let scalar = Unicode.Scalar(value) else {
                offset = start
                throw error("half of a surrogate pair stands alone")
            }
            return Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default:
            offset = start
            throw error("not an escape that JSON has", remedy: "write a backslash as \\\\")
        }
    }

    private mutating func readUnit() throws(LaminaError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = next, let value = Character(Unicode.Scalar(digit)).hexDigitValue else {
                throw expected("four hexadecimal digits after \\u")
            }
            unit = unit << 4 | UInt16(value)
            offset += 1
        }
        return unit
    }
}

// MARK: - Numbers

extension JSONReader {
    fileprivate mutating func readNumber() throws(LaminaError) -> JSON {
        let start = offset
        if next == UInt8(ascii: "-") { offset += 1 }
        let leading = next
        let digits = try readDigits("a digit")
        if leading == UInt8(ascii: "0"), digits > 1 {
            offset = start
            throw error("a number begins with 0", remedy: "remove the leading zeros")
        }
        var whole = true
        if next == UInt8(ascii: ".") {
            whole = false
            offset += 1
            _ = try readDigits("a digit after the point")
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            whole = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            _ = try readDigits("a digit of the exponent")
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if whole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            offset = start
            throw error("the number is larger than a double holds")
        }
        return .number(value)
    }

    private mutating func readDigits(_ what: String) throws(LaminaError) -> Int {
        let start = offset
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        guard offset > start else { throw expected(what) }
        return offset - start
    }
}

// MARK: - Errors

extension JSONReader {
    fileprivate func error(_ cause: String, remedy: String = "") -> LaminaError {
        var line = 1
        var column = 1
        for byte in bytes[..<min(offset, bytes.count)] {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return LaminaError(code, "\(name):\(line):\(column)", cause, remedy: remedy)
    }

    fileprivate func expected(_ what: String) -> LaminaError {
        guard let byte = next else {
            return error("expected \(what), found the end", remedy: "is the file truncated?")
        }
        let found =
            (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte 0x\(String(byte, radix: 16))"
        return error("expected \(what), found \(found)")
    }
}
