import CLamina
import Lamina
import TestSupport
import Testing

@Suite("Signatures")
struct SignatureTests {
    @Test("Every entry's and indication's own declaration can be read, and says what it has")
    func own() throws {
        for number in 0..<UInt32(LAMINA_ENTRY_COUNT) {
            let signature = try Signature(parsing: String(cString: lamina_declare_entry(number)))
            #expect(signature.name == String(cString: lamina_describe_entry(number).pointee.name))
            #expect(signature.result.type == "lamina_status" && signature.result.kind == .int32)
            #expect(signature.parameters.first?.type == "lamina_slot *")
            #expect(signature.parameters.last?.type == "lamina_request *")
            for parameter in signature.parameters where parameter.kind != .uint32 {
                #expect(parameter.kind == .pointer && parameter.type.hasSuffix(" *"), "\(signature.declaration)")
            }
        }
        for number in 0..<UInt32(LAMINA_INDICATION_COUNT) {
            let signature = try Signature(parsing: String(cString: lamina_declare_indication(number)))
            #expect(signature.name == String(cString: lamina_describe_indication(number).pointee.name))
            #expect(signature.parameters.map(\.type) == ["lamina_slot *", "lamina_\(signature.name)_event *"])
        }
        let send = try Signature(parsing: String(cString: lamina_declare_entry(UInt32(LAMINA_ENTRY_SEND))))
        #expect(send.parameters.map(\.name) == ["slot", "buffers", "count", "flags", "request"])
        #expect(send.parameters.map(\.isConstant) == [false, true, false, false, false])
    }

    @Test(
        "Declarations are read as C reads them",
        arguments: [
            ("uint64_t sent(void *context)", "sent", "uint64 (pointer)"),
            ("  void   f ( void ) ; ", "f", "none ()"),
            ("int f()", "f", "int32 ()"),
            ("unsigned long f(unsigned, long, short int x, unsigned char)", "f", "uint64 (uint32 int64 int16 uint8)"),
            ("const char *name(const struct thing *const it, char **out)", "name", "pointer (pointer pointer)"),
            ("double f(float, bool b, size_t n, enum mode m)", "f", "double (float uint8 uint64 uint32)"),
            ("uint32_t size", "size", "field uint32"),
            ("void *reserved", "reserved", "field pointer"),
        ]
    )
    func reads(declaration: String, name: String, shape: String) throws {
        let signature = try Signature(parsing: declaration)
        let kinds = signature.parameters.map { "\($0.kind)" }.joined(separator: " ")
        #expect(signature.name == name)
        #expect((signature.isField ? "field \(signature.result.kind)" : "\(signature.result.kind) (\(kinds))") == shape)
    }

    @Test("Types keep what a pointer leads to")
    func types() throws {
        let signature = try Signature(
            parsing: "void f(const char *const *names, const uint8_t *bytes, char *LAMINA_NULLABLE x)"
        )
        #expect(signature.parameters.map(\.type) == ["const char *const *", "const uint8_t *", "char *"])
        #expect(signature.parameters.map(\.isConstant) == [true, true, false])
    }

    @Test(
        "What can't be called is refused with what is wrong",
        arguments: [
            ("", "ends where a type"), ("f", "has the type \"f\""), ("int f(", "ends where a type"),
            ("int", "names no function"),
            ("int f(int", "has no closing parenthesis"), ("int f(int, ...)", "has \".\" where a type is expected"),
            ("int f(struct point p)", "has a struct point by value"), ("int f(thing t)", "has the type \"thing\""),
            ("int f(int (*call)(int))", "has \"(\" among its parameters"), ("int f(int x[4])", "has \"[\" among its"),
            ("int f(int a b)", "has the type \"int a\""), ("int f(void *a b)", "has \"b\" behind \"a\""),
            ("int f(int) g", "has \"g\" behind its end"), ("int f(*)", "has a * at a wrong place"),
            ("void nothing", "is a field of no type"), ("int f(int, void)", "has a parameter of type void"),
        ]
    )
    func refuses(declaration: String, cause: String) {
        let error = #expect(throws: LaminaError.self) { try Signature(parsing: declaration) }
        #expect(error?.cause.hasPrefix(cause) == true, "\(error?.description ?? "")")
    }

    @Test("Any bytes are read or refused")
    func anyBytes() {
        let pieces = ["int", " ", "*", "(", ")", ",", "const", "void", "f", "struct", ";", "é", "[", "uint8_t", "long"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<24)).map { _ in pieces.randomElement() ?? "" }.joined()
            guard let signature = try? Signature(parsing: text) else { continue }
            #expect(!signature.name.isEmpty)
        }
    }

    @Test("A manifest describes extensions, and what is wrong in one is said with its place")
    func manifests() throws {
        let directory = try TemporaryDirectory()
        func manifest(_ extensions: String) throws -> Manifest {
            let file = try directory.write(
                #"{"format": 1, "library": "x", "kind": "layered", "effect": "none", "extensions": [\#(extensions)]}"#,
                to: "x.json"
            )
            return try Manifest(parsing: readAll(file), file: file)
        }
        let uuid = "6F1C2D3E-4A5B-4C6D-8E7F-90A1B2C3D4E5"
        let read = try manifest(#"{"uuid": "\#(uuid)", "name": "n", "dispatch": ["int f(int)"], "client": ["int g"]}"#)
        #expect(read.extensions.map(\.uuid) == ["6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5"])
        let again = try Manifest(parsing: Array(read.json.text(pretty: true).utf8), file: "x.json")
        #expect(again == read)
        for (extensions, place) in [
            (#"{"uuid": "\#(uuid)", "dispatch": ["int f(it)"]}"#, #"extensions[0].dispatch[0]": declaration "int f"#),
            (#"{"uuid": "6f1c"}"#, #"key "extensions[0].uuid": "6f1c" is no UUID"#),
            (#"{"dispatch": []}"#, #"key "extensions[0].uuid": is missing"#),
            (#"{"uuid": "\#(uuid)", "up": []}"#, #"key "extensions[0].up": is unknown"#),
            (#"{"uuid": "\#(uuid)"}, {"uuid": "\#(uuid)"}"#, #"key "extensions[1].uuid": "6f1c2d3e"#),
        ] {
            let error = #expect(throws: LaminaError.self) { try manifest(extensions) }
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
    }
}
