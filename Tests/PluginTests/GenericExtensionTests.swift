import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

/// What the extension layer offers, and what it calls.
private struct CounterDispatch { let sent: @convention(c) (UnsafeMutableRawPointer?) -> UInt64 }
private struct CounterClient { let closed: @convention(c) (UnsafeMutableRawPointer?, UInt64) -> Void }

@Suite("Extensions that a generic layer knows by a manifest alone", .serialized)
struct GenericExtensionTests {
    private static let uuid = "6F1C2D3E-4A5B-4C6D-8E7F-90A1B2C3D4E5"
    let directory: TemporaryDirectory

    init() throws {
        LayerOutput.capture()
        directory = try TemporaryDirectory()
    }

    /// A catalog of the generic layer, the layer with the extension, and the memory base.
    private func catalog(
        _ extensions: String,
        spy: String? = nil
    ) throws -> Catalog {
        try directory.plugins("Memory")
        let spy = try spy ?? GenericPlugin.spy()
        try directory.write(
            #"""
            {"format": 1, "name": "spy", "library": "\#(spy)", "kind": "layered", "effect": "observe",
             "phase": "inspector", "generic": true}
            """#,
            to: "catalog.d/spy.json"
        )
        try directory.write(
            #"""
            {"format": 1, "name": "extension", "library": "\#(try Plugin.build("extension"))", "kind": "layered",
             "effect": "observe", "phase": "inspector", "extensions": [\#(extensions)]}
            """#,
            to: "catalog.d/extension.json"
        )
        return Catalog(directories: [CatalogDirectory("\(directory.path)/catalog.d", origin: .given)])
    }

    private static let counter = #"""
        {"uuid": "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5", "name": "counter",
         "dispatch": ["uint64_t sent(void *context)"], "client": ["void closed(void *context, uint64_t sent)"]}
        """#

    private func chain(_ layers: String..., in catalog: Catalog) throws -> Chain {
        try Chain(
            layers: layers.map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: "memory"),
            catalog: catalog
        )
    }

    /// Sends 1,000 bytes, asks the extension how many there were, and closes; what the extension said both times.
    private func exchange(_ chain: Chain, isClosing: Bool = true) throws -> (sent: UInt64, closed: UInt64?) {
        let pair = try Pair(chain)
        let closed = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        closed.initialize(to: .max)
        defer { closed.deallocate() }
        let client = UnsafeMutablePointer<CounterClient>.allocate(capacity: 1)
        client.initialize(
            to: CounterClient(closed: { context, sent in
                context?.assumingMemoryBound(to: UInt64.self).pointee = sent
            })
        )
        defer { client.deallocate() }
        let own = lamina_extension(context: closed, dispatch: client)
        try pair.client.waiting.send([UInt8](repeating: 0, count: 1000))
        let offered = try pair.client.waiting.registerExtension(Self.uuid, own: own)
        let dispatch = try #require(offered.dispatch).assumingMemoryBound(to: CounterDispatch.self)
        let again = try pair.client.waiting.registerExtension(Self.uuid, own: own)
        #expect(again.dispatch == offered.dispatch && again.context == offered.context)
        let sent = dispatch.pointee.sent(offered.context)
        try pair.close()
        return (sent, closed.pointee)
    }

    @Test("Functions of both tables are seen with their arguments and answers, and can be changed")
    func seen() throws {
        let label = LayerOutput.label("spy")
        let catalog = try catalog(Self.counter)
        let seen = try exchange(try chain("spy=\(label):writes=yes", "extension", in: catalog))
        #expect(seen.sent == 1000 && seen.closed == 1000)
        let lines = LayerOutput.lines(of: label)
        #expect(lines.contains("extension sent(context)"))
        #expect(lines.contains("client closed(context, sent 1000)"))
        #expect(try exchange(try chain("spy:doubles=yes", "extension", in: catalog)).sent == 2000)
        let twice = try chain("spy=one:doubles=yes", "spy=two:doubles=yes", "extension", in: catalog)
        #expect(try exchange(twice).sent == 4000)
    }

    @Test("An extension that nobody describes passes as it is, and so does one below the level that offers it")
    func passes() throws {
        let label = LayerOutput.label("spy")
        let undescribed = try catalog("")
        let above = try chain("spy=\(label):writes=yes,doubles=yes", "extension", in: undescribed)
        #expect(try exchange(above).sent == 1000)
        let described = try catalog(Self.counter)
        #expect(try exchange(try chain("extension", "spy=\(label):writes=yes,doubles=yes", in: described)).sent == 1000)
        #expect(!LayerOutput.lines(of: label).contains { $0.hasPrefix("extension ") })
    }

    @Test("Numbers of every width, floating point and fields of a table come through")
    func types() throws {
        let file = try CPlugin.build("Fixtures/generic/vendor")
        try directory.plugins("Memory")
        try directory.write(
            #"""
            {"format": 1, "name": "vendor", "library": "\#(file)", "kind": "layered", "effect": "none",
             "extensions": [{"uuid": "0a1b2c3d-0000-4000-8000-000000000001", "dispatch": [
               "uint32_t size", "uint8_t flags", "int8_t negate(int8_t value)",
               "double scale(double value, float by)", "int16_t add(int16_t a, uint16_t b, unsigned long c)",
               "const char *name(void)", "void nothing(void)",
               "int64_t sum(int32_t a, uint32_t b, int64_t c, const int64_t *d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i)",
               "int32_t many(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i, int32_t j, int32_t k)"]}]}
            """#,
            to: "catalog.d/vendor.json"
        )
        _ = try catalog(Self.counter)
        let catalog = Catalog(directories: [CatalogDirectory("\(directory.path)/catalog.d", origin: .given)])
        let label = LayerOutput.label("spy")
        let socket = try chain("spy=\(label):writes=yes", "vendor", in: catalog).open(.connection())
        let offered = try socket.waiting.registerExtension(
            "0a1b2c3d-0000-4000-8000-000000000001",
            own: lamina_extension()
        )
        typealias Check = @convention(c) (UnsafeRawPointer?) -> Int32
        let handle = try #require(dlopen(file, RTLD_NOW | RTLD_NOLOAD))
        let check = unsafeBitCast(try #require(dlsym(handle, "check_dispatch")), to: Check.self)
        #expect(check(offered.dispatch) == 0)
        try socket.waiting.close()
        let lines = LayerOutput.lines(of: label).filter { $0.hasPrefix("extension ") }
        #expect(
            lines == [
                "extension negate(value -100)", "extension scale(value 1.5, by 0.25)",
                "extension add(a -3, b 65535, c 18446744073709551615)", "extension name()", "extension nothing()",
                "extension sum(a -1, b 4294967295, c -4294967296, d, e 1, f 1, g 1099511627776, h -3, i -20000)",
                "extension many(a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, i 1, j -1, k -2)",
            ]
        )
    }

    @Test("With no closure left the extension passes unseen, with a warning, and all else goes on")
    func exhausted() throws {
        let label = LayerOutput.label("spy")
        let catalog = try catalog(Self.counter, spy: try GenericPlugin.spy(closures: 100_000))
        let chain = try chain("spy=\(label):writes=yes,doubles=yes", "extension", in: catalog)
        let pair = try Pair(chain)
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_IOCTL)
        operation.code = 903
        #expect(try pair.client.perform { lamina_socket_control($0, &operation, $1) }.status == 0)
        #expect(try exchange(chain).sent == 1000)
        try pair.close()
        let lines = LayerOutput.lines(of: label)
        #expect(lines.contains { $0.contains("no closure or memory for the extension counter: its calls pass unseen") })
    }
}
