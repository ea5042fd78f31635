import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Layers in C")
struct LayerTests {
    let scratch: TemporaryDirectory
    private let anywhere = Address(host: "127.0.0.1", port: 1)

    init() throws {
        scratch = try TemporaryDirectory()
    }

    private func kernel() -> (layer: String, file: String) { ("kernel", Plugin.product("Kernel")) }

    private func fixture(_ name: String, _ settings: String = "") throws -> (layer: String, file: String) {
        (settings.isEmpty ? name : "\(name):\(settings)", try Plugin.build(name))
    }

    @Test(
        "The example builds from the header alone in C11 and C++17, and carries what is sent",
        arguments: [["gcc", "-std=c11"], ["clang", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]]
    )
    func example(compiler: [String]) throws {
        let nothing = try Plugin.build("nothing", with: compiler)
        let source = "\(PackageTree.root)/Tests/Fixtures/layers/nothing.c"
        let lines = try readAll(source).count { $0 == UInt8(ascii: "\n") }
        #expect(lines <= 30)
        let chain = try chain(("nothing", nothing), try fixture("echo"))
        #expect(chain.instances[0].entryNames == ["send"])
        let socket = try chain.connect(to: anywhere)
        #expect(socket.sendLink.levels == 1)
        try socket.waiting.send(Array("through".utf8))
        #expect(try socket.waiting.receive(upTo: 20, deadline: soon()) == Array("through".utf8))
        try socket.waiting.close()
    }

    @Test("A terminating layer with no lower column answers everything itself")
    func echo() async throws {
        let chain = try chain(try fixture("echo"))
        let socket = try chain.connect(to: anywhere)
        let error = #expect(throws: LaminaError.self) {
            try socket.waiting.receive(upTo: 1, deadline: Deadline.after(seconds: 0.01))
        }
        #expect(error?.code == .timedOut)
        let calls = PendingCalls()
        for _ in 0..<3 { #expect(calls.receive(socket, 5) == LAMINA_PENDING) }
        try socket.waiting.send(Array("one".utf8))
        #expect(calls.endsNow.map(\.bytes) == [3])
        try socket.waiting.disconnect()
        #expect(calls.wait(for: 3).map(\.bytes) == [3, 0, 0])
        #expect(calls.endsNow.allSatisfy { $0.status == 0 })
        #expect(throws: LaminaError.self) { try socket.waiting.localAddress() }
        let other = try chain.connect(to: anywhere)
        let late = PendingCalls()
        #expect(late.receive(other, 1) == LAMINA_PENDING)
        try other.waiting.close()
        #expect(late.wait(for: 1).map(\.status) == [-ECANCELED])
        try socket.waiting.close()
    }

    @Test("Fail-over connects its second column where the first one fails", arguments: [true, false])
    func failOver(firstFails: Bool) throws {
        let bare = try chain(kernel())
        let listener = try bare.listen(on: Address(host: "127.0.0.1", port: 0))
        let open = try listener.waiting.localAddress()
        // A port that is taken and not listened on refuses.
        let holder = try bare.open(.connection())
        try holder.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let refusing = try holder.waiting.localAddress()
        let second = try #require(firstFails ? open.port : refusing.port)
        let layered = try chain(
            try fixture("failover", "second=\(second)"),
            ("trace=below:file=\(scratch.path)/below", Plugin.product("Trace")),
            kernel()
        )
        let socket = try layered.connect(to: firstFails ? refusing : open)
        let server = try listener.waiting.accept(deadline: soon())
        try socket.waiting.send(Array("winner".utf8))
        #expect(try server.waiting.receive(upTo: 20, deadline: soon()) == Array("winner".utf8))
        #expect(try socket.waiting.remoteAddress() == open)
        try socket.waiting.close()
        #expect(try server.waiting.receive(upTo: 1, deadline: soon()) == [])
        let below = try scratch.lines("below")
        #expect(below.count { $0.contains(" open ") } == 2)
        #expect(below.count { $0.contains("ECONNREFUSED from kernel") } == (firstFails ? 1 : 0))
        #expect(below.count { $0.contains(" close ") } == 2)
        for end in [server, listener, holder] { try end.waiting.close() }
    }

    @Test("Where both columns fail, the program gets the last error and the level that it came from")
    func failOverFails() throws {
        let holder = try chain(kernel()).open(.connection())
        try holder.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let refusing = try holder.waiting.localAddress()
        let layered = try chain(try fixture("failover", "second=\(try #require(refusing.port))"), kernel())
        let error = #expect(throws: LaminaError.self) { try layered.connect(to: refusing) }
        #expect(error?.errno == ECONNREFUSED)
        try holder.waiting.close()
    }

    @Test("A layer may refuse a socket, or let it wait, when a program opens it")
    func gateOpen() throws {
        let refusing = try chain(try fixture("gate", "open=refuse"), try fixture("echo"))
        let error = #expect(throws: LaminaError.self) { try refusing.open(.connection()) }
        #expect(error?.errno == EACCES)
        #expect(error?.level == "gate")
        let waiting = try chain(try fixture("gate", "open=wait,delay=5ms"), try fixture("echo"))
        let start = clinux_monotonic()
        let socket = try waiting.connect(to: anywhere)
        #expect(clinux_monotonic() - start >= 5_000_000)
        try socket.waiting.send([7])
        #expect(try socket.waiting.receive(upTo: 1, deadline: soon()) == [7])
        try socket.waiting.close()
    }

    @Test("A layer may refuse an accepted socket, or let it wait, before anybody gets it")
    func gateAccept() throws {
        let bare = try chain(kernel())
        let refusing = try chain(try fixture("gate", "accept=refuse"), kernel())
        let listener = try refusing.listen(on: Address(host: "127.0.0.1", port: 0))
        let client = try bare.connect(to: try listener.waiting.localAddress())
        let error = #expect(throws: LaminaError.self) {
            try listener.waiting.accept(deadline: Deadline.after(seconds: 0.2))
        }
        #expect(error?.code == .timedOut)
        let end = Result { try client.waiting.receive(upTo: 1, deadline: soon()) }
        #expect((try? end.get()) ?? [] == [])
        let waiting = try chain(try fixture("gate", "accept=wait,delay=5ms"), kernel())
        let door = try waiting.listen(on: Address(host: "127.0.0.1", port: 0))
        let guest = try bare.connect(to: try door.waiting.localAddress())
        try guest.waiting.send([9])
        let server = try door.waiting.accept(deadline: soon())
        #expect(try server.waiting.receive(upTo: 1, deadline: soon()) == [9])
        for socket in [listener, client, door, guest, server] { try socket.waiting.close() }
    }

    @Test("A redirector changes where a socket goes and is not in the way of its data")
    func redirect() throws {
        let bare = try chain(kernel())
        let listener = try bare.listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        let redirected = try chain(try fixture("redirect", "port=\(port)"), kernel())
        #expect(redirected.effect == .none)
        let socket = try redirected.connect(to: Address(host: "192.0.2.1", port: 9))
        let server = try listener.waiting.accept(deadline: soon())
        #expect(socket.sendLink.function == server.sendLink.function)
        try socket.waiting.send(Array("here".utf8))
        #expect(try server.waiting.receive(upTo: 9, deadline: soon()) == Array("here".utf8))
        for end in [socket, server, listener] { try end.waiting.close() }
    }

    @Test("A kept completion comes once, in order, after its call has said that it pends")
    func keeper() throws {
        let socket = try chain(try fixture("keeper"), try fixture("echo")).connect(to: anywhere)
        let calls = PendingCalls()
        for _ in 0..<200 { #expect(calls.send(socket, [1, 2]) == LAMINA_PENDING) }
        let ends = calls.wait(for: 200)
        #expect(ends == (0..<200).map { PendingCalls.End(number: $0, status: 0, bytes: 2) })
        #expect(try socket.waiting.receive(upTo: 400, deadline: soon()).count == 400)
        try socket.waiting.close()
        #expect(calls.endsNow.count == 200)
    }
}
