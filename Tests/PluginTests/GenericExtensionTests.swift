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

    private static let vendor = #"""
        {"uuid": "0a1b2c3d-0000-4000-8000-000000000001", "dispatch": [
          "uint32_t size", "uint8_t flags", "int8_t negate(int8_t value)",
          "double scale(double value, float by)", "int16_t add(int16_t a, uint16_t b, unsigned long c)",
          "const char *name(void)", "void nothing(void)",
          "int64_t sum(int32_t a, uint32_t b, int64_t c, const int64_t *d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i)",
          "int32_t many(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i, int32_t j, int32_t k)",
          "float half(float value)",
          "double mix(int8_t a, double b, float c, uint16_t d, int32_t e, uint64_t f, int64_t g, uint8_t h, int16_t i, double j, float k, double l, double m, double n, double o, float p, double q, int32_t r, float s)",
          "lamina_status flush(int32_t error)"]}
        """#

    /// A generic layer over the vendor's.
    private func vendorChain(_ layer: String, _ library: String) throws -> Chain {
        let (name, vendor) = (layer.prefix { $0 != "=" && $0 != ":" }, try CPlugin.build("Fixtures/generic/vendor"))
        try directory.plugins("Memory")
        try directory.write(
            #"""
            {"format": 1, "name": "\#(name)", "library": "\#(library)", "kind": "layered", "effect": "observe",
             "phase": "inspector", "generic": true}
            """#,
            to: "catalog.d/\(name).json"
        )
        try directory.write(
            #"""
            {"format": 1, "name": "vendor", "library": "\#(vendor)", "kind": "layered", "effect": "none",
             "extensions": [\#(Self.vendor)]}
            """#,
            to: "catalog.d/vendor.json"
        )
        let catalog = Catalog(directories: [CatalogDirectory("\(directory.path)/catalog.d", origin: .given)])
        return try chain(layer, "vendor", in: catalog)
    }

    /// A socket of it, and the table that it gets.
    private func vendor(_ chain: Chain) throws -> (socket: Socket, table: UnsafeRawPointer?) {
        let socket = try chain.open(.connection())
        let uuid = "0a1b2c3d-0000-4000-8000-000000000001"
        return (socket, try socket.waiting.registerExtension(uuid, own: lamina_extension()).dispatch)
    }

    /// A function of the vendor's library.
    private func exported<Function>(_ name: String, as type: Function.Type) throws -> Function {
        let handle = try #require(dlopen(try CPlugin.build("Fixtures/generic/vendor"), RTLD_NOW | RTLD_NOLOAD))
        defer { dlclose(handle) }
        return unsafeBitCast(try #require(dlsym(handle, name)), to: type)
    }

    @Test(
        "Numbers of every width, floating point and fields of a table come through, with libffi or without",
        arguments: [true, false]
    )
    func types(byLibffi: Bool) throws {
        let label = LayerOutput.label("spy")
        let file = try GenericPlugin.spy(byLibffi ? GenericPlugin.byLibffi : [])
        let (socket, table) = try vendor(try vendorChain("spy=\(label):writes=yes", file))
        typealias Check = @convention(c) (UnsafeRawPointer?) -> Int32
        #expect(try exported("check_dispatch", as: Check.self)(table) == 0)
        try socket.waiting.close()
        let lines = LayerOutput.lines(of: label).filter { $0.hasPrefix("extension ") }
        #expect(
            lines == [
                "extension negate(value -100)", "extension scale(value 1.5, by 0.25)",
                "extension add(a -3, b 65535, c 18446744073709551615)", "extension name()", "extension nothing()",
                "extension sum(a -1, b 4294967295, c -4294967296, d, e 1, f 1, g 1099511627776, h -3, i -20000)",
                "extension many(a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, i 1, j -1, k -2)", "extension half(value -3)",
                "extension mix(a -1, b 2, c 3, d 65535, e -5, f 6, g -7, h 255, i -9, j 10, k 11.5, l 12, m 13, n 14, "
                    + "o -15, p 16.25, q 17.5, r -18, s 19)",
            ]
        )
    }

    private typealias Flush = @convention(c) (UnsafeRawPointer?, Int32) -> Int32
    private typealias Flushes = @convention(c) () -> Int32
    private typealias Name = @convention(c) (UnsafeRawPointer?) -> UnsafePointer<CChar>?

    private func layer(_ language: String) throws -> (name: String, file: String) {
        language == "C" ? ("spy", try GenericPlugin.spy()) : ("warden", try GenericPlugin.warden())
    }

    @Test("A handler fails an extension's function, which isn't called then", arguments: ["C", "Swift"])
    func fails(language: String) throws {
        let (name, file) = try layer(language)
        let through = try vendor(try vendorChain(name, file))
        let (flush, flushes) = (
            try exported("flush_through", as: Flush.self), try exported("flushes", as: Flushes.self)
        )
        let before = flushes()
        // Its own answer comes up as it is.
        #expect(flush(through.table, EHOSTDOWN) == -EHOSTDOWN)
        #expect(flushes() == before + 1)
        let failing = try vendor(
            try vendorChain("\(name):fail=flush" + (language == "C" ? "" : ",error=\(EACCES)"), file)
        )
        #expect(flush(failing.table, EHOSTDOWN) == -EACCES)
        #expect(flushes() == before + 1)
        // One that answers no status answers nothing.
        let nameless = try vendor(try vendorChain("\(name):fail=name", file))
        #expect(try exported("name_through", as: Name.self)(nameless.table) == nil)
        for socket in [through.socket, failing.socket, nameless.socket] { try socket.waiting.close() }
    }

    @Test("An extension's function can't be delayed: it ends with ENOTSUP, uncalled", arguments: ["C", "Swift"])
    func cannotWait(language: String) throws {
        let (name, file) = try layer(language)
        let (socket, table) = try vendor(
            try vendorChain("\(name):delay=flush" + (language == "C" ? "" : ",insists=yes"), file)
        )
        let flushes = try exported("flushes", as: Flushes.self)
        let before = flushes()
        #expect(try exported("flush_through", as: Flush.self)(table, EHOSTDOWN) == -ENOTSUP)
        #expect(flushes() == before)
        try socket.waiting.close()
    }

    /// From now on libffi gives the layer in C so many closures.
    private func leave(_ closures: Int32, _ socket: Socket) throws {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_IOCTL)
        (operation.level, operation.code) = (closures, 903)
        #expect(try socket.perform { lamina_socket_control($0, &operation, $1) }.status == 0)
    }

    @Test("With no closure left an extension passes unseen, with a warning, and all else goes on")
    func exhausted() throws {
        let label = LayerOutput.label("spy")
        let warning = "no closure or memory for the extension counter: its calls pass unseen"
        let catalog = try catalog(Self.counter, spy: try GenericPlugin.spy(closures: 100_000))
        let chain = try chain("spy=\(label):writes=yes,doubles=yes", "extension", in: catalog)
        // One that was exchanged before.
        let pair = try Pair(chain)
        let offered = try pair.client.waiting.registerExtension(Self.uuid, own: lamina_extension())
        let sent = try #require(offered.dispatch).assumingMemoryBound(to: CounterDispatch.self).pointee.sent
        try leave(0, pair.client)
        #expect(!LayerOutput.lines(of: label).contains { $0.contains(warning) })
        #expect(try exchange(chain) == (1000, 1000))
        #expect(LayerOutput.lines(of: label).contains { $0.contains(warning) })
        // That is seen as before, and so are entries and their ends.
        let before = LayerOutput.lines(of: label).count { $0.hasPrefix("extension sent(") }
        try pair.client.waiting.send([1, 2, 3])
        #expect(sent(offered.context) == 6)
        let lines = LayerOutput.lines(of: label)
        #expect(lines.count { $0.hasPrefix("extension sent(") } == before + 1)
        #expect(lines.contains("ended send entry = 0, 3 bytes"))
        #expect(try pair.server.waiting.receive(upTo: 8, deadline: soon()) == [1, 2, 3])
        // A level that is made meanwhile has none, and a socket that is opened once there are some is seen again.
        let error = #expect(throws: LaminaError.self) { _ = try self.chain("spy=late", "extension", in: catalog) }
        #expect(error?.errno == EPERM && error?.level == "late")
        try leave(100_000, pair.client)
        #expect(try exchange(chain).sent == 2000)
        try pair.close()
    }

    @Test("A table of which only some functions get closures passes as a whole", arguments: [1, 5, 9])
    func partly(given: Int32) throws {
        let chain = try vendorChain("spy:doubles=yes", try GenericPlugin.spy(closures: 100_000))
        typealias Check = @convention(c) (UnsafeRawPointer?) -> Int32
        let check = try exported("check_dispatch", as: Check.self)
        let first = try chain.open(.connection())
        try leave(given, first)
        let (socket, table) = try vendor(chain)
        // It is the vendor's own.
        #expect(check(table) == 1)
        try leave(100_000, first)
        for socket in [first, socket] { try socket.waiting.close() }
    }
}
