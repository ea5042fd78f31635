extension LayerSpecification {
    /// Reads `NAME[=LABEL][:key=value,…]`.
    ///
    /// A comma separates settings, except inside quotes `"…"` (with `\"` and `\\`) and brackets `[…]`; a key without
    /// `=` means true; a repeated key collects its values. Errors name the layer and the column.
    public init(parsing text: String) throws(LaminaError) {
        var head = Substring(text)
        var body: Substring?
        if let colon = try LayerGrammar.first(of: ":", in: head) {
            body = head[head.index(after: colon)...]
            head = head[..<colon]
        }
        var label: String?
        if let equals = try LayerGrammar.first(of: "=", in: head) {
            label = try LayerGrammar.word(head[head.index(after: equals)...], as: "label", of: text)
            head = head[..<equals]
        }
        let name: String
        if head.utf8.contains(UInt8(ascii: "/")) {
            name = try LayerGrammar.unquoted(head).text
        } else {
            name = try LayerGrammar.word(head, as: "name", of: text)
        }
        self.init(name: name, label: label)
        guard let body else { return }
        guard !body.isEmpty else {
            throw LayerGrammar.error(text, "nothing stands after ':'", remedy: "write key=value or remove the ':'")
        }
        for part in try LayerGrammar.split(body) {
            try add(part, of: text)
        }
    }

    private mutating func add(_ part: Substring, of text: String) throws(LaminaError) {
        let equals = try LayerGrammar.first(of: "=", in: part)
        let key = try LayerGrammar.word(part[..<(equals ?? part.endIndex)], as: "key", of: text)
        let value = try equals.map { equals throws(LaminaError) in
            try LayerGrammar.value(part[part.index(after: equals)...])
        }
        let subject = "layer \"\(name)\""
        switch key {
        case "when", "except":
            guard let value, case .bare(let terms) = value else {
                throw LaminaError(
                    .invalidSetting,
                    "\(subject): \(key)",
                    "has no terms",
                    remedy: "write \(key)=[port=443,name=*.org]"
                )
            }
            let condition = try Condition(parsing: terms, subject: "\(subject): \(key)")
            if key == "when" { conditions.when.append(condition) } else { conditions.except.append(condition) }
        case "required":
            guard required == nil else {
                throw LaminaError(.invalidSetting, "\(subject): required", "stands twice", remedy: "remove one")
            }
            required = try SettingType.bool.value(of: value ?? .bare("true"), for: "\(subject): required").boolValue
        default:
            let value = value ?? .bare("true")
            if let index = settings.firstIndex(where: { $0.key == key }) {
                settings[index].values.append(value)
            } else {
                settings.append(Setting(key: key, values: [value]))
            }
        }
    }
}

/// The quotes, brackets and words of the layer syntax.
enum LayerGrammar {
    /// The first `mark` outside quotes and brackets.
    static func first(of mark: Character, in text: Substring) throws(LaminaError) -> Substring.Index? {
        var scanner = Scanner()
        for index in text.indices where try scanner.isOutside(text[index], in: text, at: index) {
            if text[index] == mark { return index }
        }
        return nil
    }

    /// The parts between the commas outside quotes and brackets. Unclosed quotes and brackets are refused.
    static func split(_ text: Substring) throws(LaminaError) -> [Substring] {
        var scanner = Scanner()
        var parts: [Substring] = []
        var start = text.startIndex
        for index in text.indices where try scanner.isOutside(text[index], in: text, at: index) {
            if text[index] == "," {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        try scanner.finish(text)
        parts.append(text[start...])
        if let empty = parts.first(where: \.isEmpty) {
            throw error(text.base, "column \(column(empty.startIndex, text)): nothing stands between two commas")
        }
        return parts
    }

    /// The parts between blanks outside quotes and brackets.
    static func words(_ text: Substring) throws(LaminaError) -> [Substring] {
        var scanner = Scanner()
        var parts: [Substring] = []
        var start = text.startIndex
        for index in text.indices where try scanner.isOutside(text[index], in: text, at: index) {
            if text[index].isWhitespace {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        try scanner.finish(text)
        parts.append(text[start...])
        return parts.filter { !$0.isEmpty }
    }

    /// What stands inside the brackets where `text` is one bracketed list and nothing else.
    static func bracketed(_ text: String) -> Substring? {
        guard text.first == "[", text.last == "]", text.count > 1 else { return nil }
        var scanner = Scanner()
        let whole = Substring(text)
        for index in whole.indices {
            guard (try? scanner.isOutside(whole[index], in: whole, at: index)) != nil else { return nil }
            if scanner.closed, index != whole.index(before: whole.endIndex) { return nil }
        }
        return whole.dropFirst().dropLast()
    }

    /// A value: a secret's reference, quoted text, or bare text.
    static func value(_ text: Substring) throws(LaminaError) -> WrittenValue {
        if text.first == "@" { return .file(try unquoted(text.dropFirst()).text) }
        if text.hasPrefix("env:") { return .environment(try unquoted(text.dropFirst(4)).text) }
        let (text, quoted) = try unquoted(text)
        return quoted ? .quoted(text) : .bare(text)
    }

    /// `text` without its quotes, and whether there were any. Inside brackets everything stands unchanged.
    static func unquoted(_ text: Substring) throws(LaminaError) -> (text: String, quoted: Bool) {
        var scanner = Scanner()
        var result = ""
        var quoted = false
        for index in text.indices {
            let wasEscaped = scanner.escaped
            _ = try scanner.isOutside(text[index], in: text, at: index)
            let isSyntax = scanner.depth == 0 && !wasEscaped && (text[index] == "\"" || scanner.escaped)
            if isSyntax { quoted = true } else { result.append(text[index]) }
        }
        try scanner.finish(text)
        return (result, quoted)
    }

    /// A name, label or key: letters, digits, `.`, `_` and `-`.
    static func word(_ text: Substring, as what: String, of whole: String) throws(LaminaError) -> String {
        guard !text.isEmpty else {
            throw error(whole, "column \(column(text.startIndex, text)): the \(what) is missing")
        }
        for index in text.indices where !isWord(text[index]) {
            throw error(
                whole,
                "column \(column(index, text)): '\(text[index])' can't stand in a \(what)",
                remedy: "a \(what) has letters, digits, '.', '_' and '-'"
            )
        }
        return String(text)
    }

    /// Whether a character may stand in a name, label or key.
    static func isWord(_ character: Character) -> Bool {
        character.utf8.count == 1 && character.utf8.allSatisfy(isWord)
    }

    /// Whether a byte of UTF-8 may.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Whether a text is a provider's or a setting's name: 1 to 64 such bytes.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isWord)
    }

    static func error(_ whole: String, _ cause: String, remedy: String = "") -> LaminaError {
        let head = whole.prefix { $0 != ":" }
        return LaminaError(.invalidSetting, "layer \"\(head)\"", cause, remedy: remedy)
    }

    /// The column of `index` in the whole text that `part` was cut from, from 1.
    private static func column(_ index: Substring.Index, _ part: Substring) -> Int {
        part.base.distance(from: part.base.startIndex, to: index) + 1
    }

    /// Follows quotes and brackets from character to character.
    private struct Scanner {
        private(set) var escaped = false
        private(set) var depth = 0
        /// Whether the character just read closed the outermost bracket.
        private(set) var closed = false
        private var opening: Substring.Index?
        private var quote: Substring.Index?

        /// Steps over `character`; true where it stands outside quotes and brackets and is neither itself.
        mutating func isOutside(
            _ character: Character,
            in text: Substring,
            at index: Substring.Index
        ) throws(LaminaError) -> Bool {
            closed = false
            if escaped {
                escaped = false
                return false
            }
            if quote != nil {
                if character == "\\" { escaped = true }
                if character == "\"" { quote = nil }
                return false
            }
            switch character {
            case "\"": quote = index
            case "[":
                if depth == 0 { opening = index }
                depth += 1
            case "]":
                guard depth > 0 else {
                    throw error(text.base, "column \(column(index, text)): ']' without '['", remedy: "quote it: \"]\"")
                }
                depth -= 1
                closed = depth == 0
            default: return depth == 0
            }
            return false
        }

        /// Refuses what is still open at the end.
        func finish(_ text: Substring) throws(LaminaError) {
            if let quote {
                throw error(
                    text.base,
                    "column \(column(quote, text)): the quote is not closed",
                    remedy: "add a closing '\"'"
                )
            }
            if depth > 0, let opening {
                throw error(
                    text.base,
                    "column \(column(opening, text)): the bracket is not closed",
                    remedy: "add a ']'"
                )
            }
        }
    }
}
