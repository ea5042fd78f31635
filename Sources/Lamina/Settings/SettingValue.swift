/// A setting's value, of its declared type.
public enum SettingValue: Sendable, Equatable {
    case bool(Bool)
    case integer(Int64)
    /// Bytes.
    case size(UInt64)
    /// Bits per second.
    case rate(UInt64)
    /// Nanoseconds.
    case duration(UInt64)
    case text(String)
    case choice(String)
    case path(String)
    case secret(Secret)
    case list([SettingValue])

    /// The value where this is a boolean.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The number where this is one: a count, bytes, bits per second or nanoseconds.
    public var numberValue: Int64? {
        switch self {
        case .integer(let value): value
        case .size(let value), .rate(let value), .duration(let value): Int64(clamping: value)
        default: nil
        }
    }

    /// The text where this is text, a choice or a path. A secret has none; see `Secret.bytes`.
    public var textValue: String? {
        switch self {
        case .text(let value), .choice(let value), .path(let value): value
        default: nil
        }
    }
}

extension SettingValue: CustomStringConvertible {
    /// The value as a user would write it; a secret as `•••`.
    public var description: String {
        switch self {
        case .bool(let value): value ? "yes" : "no"
        case .integer(let value): Quantity.integer.text(of: value)
        case .size(let value): Quantity.size.text(of: Int64(clamping: value))
        case .rate(let value): Quantity.rate.text(of: Int64(clamping: value))
        case .duration(let value): Quantity.duration.text(of: Int64(clamping: value))
        case .text(let value), .choice(let value), .path(let value): Self.quoted(value)
        case .secret(let value): value.description
        case .list(let values): "[" + values.map(\.description).joined(separator: ",") + "]"
        }
    }

    /// `text` in quotes where the layer syntax would read it otherwise.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.first != "@" && !text.hasPrefix("env:")
            && !text.contains { "\",[]\\".contains($0) || $0.isWhitespace }
        if isPlain { return text }
        var result = "\""
        for character in text {
            if character == "\"" || character == "\\" { result.append("\\") }
            result.append(character)
        }
        return result + "\""
    }
}

extension SettingType {
    /// Reads one value of this type. `subject` names layer and key for the error; a secret's text is never part of it.
    func value(of written: WrittenValue, choices: [String] = [], for subject: String) throws(LaminaError)
        -> SettingValue
    {
        let text: String
        switch written {
        case .bare(let written), .quoted(let written): text = written
        case .file, .environment, .secret:
            throw LaminaError(.invalidSetting, subject, "takes no secret", remedy: "quote a value that begins so")
        }
        func invalid(_ remedy: String) -> LaminaError {
            let what =
                switch self {
                case .bool: "yes or no"
                case .integer: "an integer"
                default: "a \(rawValue)"
                }
            return LaminaError(.invalidSetting, subject, "\"\(text)\" isn't \(what)", remedy: remedy)
        }
        switch self {
        case .bool:
            switch text.lowercased() {
            case "yes", "true", "on", "1": return .bool(true)
            case "no", "false", "off", "0": return .bool(false)
            default: throw invalid("write yes or no")
            }
        case .integer, .size, .rate, .duration:
            guard let quantity, let value = quantity.value(of: text) else { throw invalid(quantity?.hint ?? "") }
            switch self {
            case .size: return .size(UInt64(value))
            case .rate: return .rate(UInt64(value))
            case .duration: return .duration(UInt64(value))
            default: return .integer(value)
            }
        case .choice:
            guard choices.contains(text) else {
                throw LaminaError(
                    .invalidSetting,
                    subject,
                    "\"\(text)\" is no choice",
                    remedy: Suggestion.remedy(
                        for: text,
                        among: choices,
                        otherwise: "choose one of \(choices.joined(separator: ", "))"
                    )
                )
            }
            return .choice(text)
        case .path:
            guard !text.isEmpty else { throw invalid("give a path") }
            return .path(text)
        case .text: return .text(text)
        case .secret: return .secret(Secret(text))
        }
    }
}
