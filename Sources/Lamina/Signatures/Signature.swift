import CLamina

/// A function as a declaration in C says it, or a plain field of a table of functions.
public struct Signature: Sendable, Equatable {
    /// What a parameter or a result is (`LAMINA_VALUE_…`).
    public enum Kind: UInt32, Sendable, Equatable {
        /// A result that isn't there.
        case none
        case int8, uint8, int16, uint16, int32, uint32, int64, uint64, float, double, pointer

        /// Bytes.
        var size: Int {
            switch self {
            case .none: 0
            case .int8, .uint8: 1
            case .int16, .uint16: 2
            case .int32, .uint32, .float: 4
            case .int64, .uint64, .double, .pointer: 8
            }
        }
    }

    /// A parameter, or a result, which has no name.
    public struct Parameter: Sendable, Equatable {
        /// Empty where the declaration gives none.
        public let name: String
        /// The type in C, without what says whether it may be null.
        public let type: String
        /// What it is.
        public let kind: Kind
        /// Whether it points to something that the function only reads.
        public let isConstant: Bool
    }

    /// The function's or field's name.
    public let name: String
    /// The declaration, as it was written.
    public let declaration: String
    /// What the function gives, or what the field is.
    public let result: Parameter
    /// What the function takes; empty for a field.
    public let parameters: [Parameter]
    /// Whether it is a plain field.
    public let isField: Bool

    /// Reads a declaration in C: `uint64_t sent(void *context)`, or `uint32_t size` for a field.
    ///
    /// Numbers of C's own types and those of `<stdint.h>`, `size_t` and the like, `lamina_status`, and pointers of every
    /// kind can be written. Throws `invalidArgument` with what it can't read: structs by value, a variable number of
    /// arguments, arrays, pointers to functions (`void *` stands for them), and types that it doesn't know.
    public init(parsing declaration: String) throws(LaminaError) {
        var reader = DeclarationReader(declaration)
        let declared = try reader.declarator(allowsNothing: true)
        guard !declared.name.isEmpty else { throw reader.error("names no function and no field") }
        name = declared.name
        self.declaration = declaration
        result = Parameter(name: "", type: declared.type, kind: declared.kind, isConstant: declared.isConstant)
        isField = !reader.skip("(")
        parameters = isField ? [] : try reader.parameters()
        _ = reader.skip(";")
        if let rest = reader.next { throw reader.error("has \"\(rest)\" behind its end") }
        if isField, result.kind == .none { throw reader.error("is a field of no type") }
    }
}

/// Reads the tokens of a C declaration.
private struct DeclarationReader {
    private let text: String
    private var tokens: ArraySlice<Substring>
    private static let longest = 1024
    private static let mostParameters = 32

    init(_ text: String) {
        self.text = text
        tokens = Self.tokens(of: text)[...]
    }

    func error(_ cause: String, _ remedy: String = "write it as C declares it") -> LaminaError {
        LaminaError(.invalidArgument, "declaration \"\(text.prefix(80))\"", cause, remedy: remedy)
    }

    var next: Substring? { tokens.first }

    mutating func skip(_ token: String) -> Bool {
        guard tokens.first.map({ $0 == token }) ?? false else { return false }
        tokens.removeFirst()
        return true
    }

    /// Words, and single characters for everything else but spaces.
    private static func tokens(of text: String) -> [Substring] {
        var tokens: [Substring] = []
        var rest = text.prefix(longest)
        while let first = rest.first {
            let word = rest.prefix { isPartOfWord($0) }
            if word.isEmpty {
                if first != " " { tokens.append(rest.prefix(1)) }
                rest.removeFirst()
            } else {
                tokens.append(word)
                rest.removeFirst(word.count)
            }
        }
        return tokens
    }

    private static func isPartOfWord(_ character: Character) -> Bool {
        character == "_" || (character.isASCII && (character.isLetter || character.isNumber))
    }

    /// What is behind `(`.
    mutating func parameters() throws(LaminaError) -> [Signature.Parameter] {
        if skip(")") { return [] }
        var parameters: [Signature.Parameter] = []
        repeat {
            let parameter = try declarator(allowsNothing: parameters.isEmpty)
            if parameter.kind == .none {
                guard parameter.name.isEmpty, skip(")") else { throw error("has a parameter of type void") }
                return []
            }
            parameters.append(parameter)
            guard parameters.count <= Self.mostParameters else {
                throw error("has more than \(Self.mostParameters) parameters", "pass a struct by pointer")
            }
        } while skip(",")
        guard skip(")") else {
            throw error(next.map { "has \"\($0)\" among its parameters" } ?? "has no closing parenthesis", Self.instead)
        }
        return parameters
    }

    private static let instead = "write numbers and pointers alone, void * for a pointer to a function"

    /// Words that say nothing about how a value is passed.
    private static let qualifiers: Set<Substring> = [
        "volatile", "restrict", "__restrict", "extern", "static", "inline", "LAMINA_NULLABLE", "LAMINA_NONNULL",
        "_Nullable", "_Nonnull",
    ]

    /// A type, and a name where there is one.
    mutating func declarator(allowsNothing: Bool) throws(LaminaError) -> Signature.Parameter {
        var words: [Substring] = []
        var depth = 0
        // Whether what the pointers lead to is constant, the innermost last.
        var constants = [false]
        var name: Substring = ""
        while let token = next, token == "*" || token.first.map(Self.isPartOfWord) == true {
            tokens.removeFirst()
            if token == "*" {
                guard !words.isEmpty, name.isEmpty else { throw error("has a * at a wrong place") }
                depth += 1
                constants.append(false)
            } else if token == "const" {
                constants[depth] = true
            } else if Self.qualifiers.contains(token) {
                continue
            } else if depth == 0 {
                words.append(token)
            } else {
                guard name.isEmpty else {
                    throw error("has \"\(token)\" behind \"\(name)\"", "put a comma between them")
                }
                name = token
            }
        }
        let isStruct = words.first.map { ["struct", "union", "enum"].contains($0) } ?? false
        if depth == 0, words.count > (isStruct ? 2 : 1), let last = words.last, !ValueTypes.isWord(last) {
            name = words.removeLast()
        }
        guard !words.isEmpty else {
            throw error(next.map { "has \"\($0)\" where a type is expected" } ?? "ends where a type is expected")
        }
        let type = (constants[0] && depth > 0 ? "const " : "") + words.joined(separator: " ")
        guard depth == 0 else {
            let stars = (1...depth).map { constants[$0] && $0 < depth ? "*const " : "*" }.joined()
            return Signature.Parameter(
                name: String(name),
                type: "\(type) \(stars)",
                kind: .pointer,
                isConstant: constants[depth - 1]
            )
        }
        guard let kind = ValueTypes.kind(of: words) else {
            throw error(
                isStruct && words.first != "enum"
                    ? "has a \(type) by value" : "has the type \"\(type)\", which nobody knows",
                "write a number of a known width, or a pointer"
            )
        }
        guard kind != .none || allowsNothing else { throw error("has a parameter of type void") }
        return Signature.Parameter(name: String(name), type: type, kind: kind, isConstant: false)
    }
}

/// The types in C that are no pointers.
private enum ValueTypes {
    private static let named: [Substring: Signature.Kind] = [
        "void": .none, "bool": .uint8, "_Bool": .uint8, "float": .float, "double": .double,
        "int8_t": .int8, "uint8_t": .uint8, "int16_t": .int16, "uint16_t": .uint16, "int32_t": .int32,
        "uint32_t": .uint32, "int64_t": .int64, "uint64_t": .uint64, "size_t": .uint64, "ssize_t": .int64,
        "intptr_t": .int64, "uintptr_t": .uint64, "ptrdiff_t": .int64, "off_t": .int64, "socklen_t": .uint32,
        "pid_t": .int32, "uid_t": .uint32, "gid_t": .uint32, "time_t": .int64, "lamina_status": .int32,
    ]
    private static let parts: Set<Substring> = ["char", "short", "int", "long", "signed", "unsigned"]

    /// Whether a word is part of a type, so that it is no parameter's name.
    static func isWord(_ word: Substring) -> Bool { named[word] != nil || parts.contains(word) }

    static func kind(of words: [Substring]) -> Signature.Kind? {
        if words.count == 1, let kind = named[words[0]] { return kind }
        if words.first == "enum", words.count == 2 { return .uint32 }
        guard words.allSatisfy(parts.contains) else { return nil }
        let isUnsigned = words.contains("unsigned")
        if words.contains("char") {
            let isSigned = words.contains("signed") || (!isUnsigned && CChar.min < 0)
            return isSigned ? .int8 : .uint8
        }
        if words.contains("short") { return isUnsigned ? .uint16 : .int16 }
        if words.contains("long") { return isUnsigned ? .uint64 : .int64 }
        return isUnsigned ? .uint32 : .int32
    }
}
