import Lamina
import Testing

@Suite("JSON")
struct SettingsJSONTests {
    @Test("A text is read into its values")
    func reads() throws {
        let json = try JSON(parsing: #" {"a":[1,-2.5e3,true,null],"é":"x\né\ud83d\ude00\/"} "#)
        #expect(json["a"] == .array([.integer(1), .number(-2500), .bool(true), .null]))
        #expect(json["é"] == .string("x\né😀/"))
        #expect(try JSON(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSON(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
    }

    @Test(
        "What isn't JSON is refused at its line and column",
        arguments: [
            ("", "t:1:1: expected a value, found the end"),
            ("{\n  \"a\": 1,\n  \"a\": 2 }", "t:3:3: the key \"a\" stands twice"),
            ("[1,]", "t:1:4: expected an element, found ']'"),
            ("{\"é\" 1}", "t:1:6: expected ':' after the key \"é\", found '1'"),
            ("{'a':1}", "t:1:2: expected a key in quotes, found '''"),
            ("{\"a\":1", "t:1:7: expected ',' or '}' after the value of \"a\", found the end"),
            ("{\"a\":\"b", "t:1:6: the string that begins here never ends"),
            ("[01]", "t:1:2: a number begins with 0"),
            ("[1.]", "t:1:4: expected a digit after the point, found ']'"),
            ("[-]", "t:1:3: expected a digit, found ']'"),
            ("1e999", "t:1:1: the number is larger than a double holds"),
            ("tru", "t:1:1: expected true"),
            ("nullx", "t:1:5: expected the end of the text, found 'x'"),
            ("\"\\q\"", "t:1:2: not an escape that JSON has"),
            ("\"\\ud800\"", "t:1:2: half of a surrogate pair stands alone"),
            ("\"\\ud800\\u0041\"", "t:1:2: half of a surrogate pair stands alone"),
            ("\"\\u12g4\"", "t:1:6: expected four hexadecimal digits"),
            ("\"a\tb\"", "t:1:3: a control character stands in a string"),
            ("[NaN]", "t:1:2: expected an element, found 'N'"),
            ("// x\n1", "t:1:1: expected a value, found '/'"),
        ]
    )
    func refuses(text: String, message: String) {
        let error = #expect(throws: LaminaError.self) { try JSON(parsing: text, named: "t") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "read")")
    }

    @Test(
        "Bytes that aren't UTF-8 are refused",
        arguments: [
            [0xFF], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3], [0xF5],
        ] as [[UInt8]]
    )
    func refusesBadUTF8(bytes: [UInt8]) {
        #expect(throws: LaminaError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: LaminaError.self) { try JSON(parsing: [0xEF, 0xBB, 0xBF, 0x31]) }
    }

    @Test("Nesting ends at 64 levels, and length at the limit")
    func limits() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try JSON(parsing: deep).kind == "an array")
        #expect(throws: LaminaError.self) { try JSON(parsing: "[\(deep)]") }
        #expect(throws: LaminaError.self) { try JSON(parsing: Array("[1, 2]".utf8), limit: 5) }
        let keys = (0..<1000).map { "\"k\($0)\":0" }
        #expect(try JSON(parsing: "{\(keys.joined(separator: ","))}")["k999"] == 0)
        #expect(throws: LaminaError.self) {
            try JSON(parsing: "{\((keys + ["\"k20\":1"]).joined(separator: ","))}")
        }
    }

    @Test("What is written reads back the same, in the same order")
    func writes() throws {
        let json: JSON = ["z": [1, true, "a\"\\\n\u{1}\u{7F}é"], "a": [:], "m": .number(0.1), "n": .null, "e": []]
        #expect(try JSON(parsing: json.text()) == json)
        #expect(try JSON(parsing: json.text(pretty: true)) == json)
        #expect(json.text() == #"{"z":[1,true,"a\"\\\n\u0001\u007fé"],"a":{},"m":0.1,"n":null,"e":[]}"#)
        let pair: JSON = ["a": [1], "b": "x"]
        #expect(pair.text(pretty: true) == "{\n  \"a\": [\n    1\n  ],\n  \"b\": \"x\"\n}\n")
        #expect(JSON.number(.infinity).text() == "null")
    }
}
