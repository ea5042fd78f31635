/// A JSON value, as RFC 8259 has it.
///
/// `init(parsing:)` reads one strictly and `text(pretty:)` writes one. Members of an object keep the order in which they
/// stand, so what is read and written again doesn't move.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// The members of an object, in order, each key once.
    public struct Object: Sendable, Equatable {
        /// The members, in order.
        public private(set) var members: [(key: String, value: JSON)]

        /// An empty object.
        public init() {
            members = []
        }

        /// An object of members whose keys are known to differ.
        init(distinct members: [(key: String, value: JSON)]) {
            self.members = members
        }

        /// The value of `key`; nil removes it. A new key goes to the end. Takes time in proportion to the members.
        public subscript(key: String) -> JSON? {
            get { members.first { $0.key == key }?.value }
            set {
                let index = members.firstIndex { $0.key == key }
                switch (index, newValue) {
                case (let index?, let value?): members[index].value = value
                case (let index?, nil): members.remove(at: index)
                case (nil, let value?): members.append((key, value))
                case (nil, nil): break
                }
            }
        }

        /// Whether both have the same members in the same order.
        public static func == (left: Object, right: Object) -> Bool {
            left.members.elementsEqual(right.members) { $0.key == $1.key && $0.value == $1.value }
        }
    }

    /// The member `key` where this is an object that has it.
    public subscript(key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The text where this is a string.
    public var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value where this is an integer.
    public var integerValue: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The value where this is true or false.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements where this is an array.
    public var arrayValue: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members where this is an object.
    public var objectValue: Object? {
        if case .object(let object) = self { object } else { nil }
    }

    /// What kind of value this is, with its article, for a message.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    /// An integer.
    public init(integerLiteral value: Int64) {
        self = .integer(value)
    }

    /// True or false.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    /// An array.
    public init(arrayLiteral elements: JSON...) {
        self = .array(elements)
    }

    /// An object with the members in this order; of a key that stands twice the last value counts.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = Object()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}
