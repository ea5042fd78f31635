import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Names and options of bases in Swift over the SDK")
struct TypedQuestionTests {
    let label = LayerOutput.label("parcel")

    init() { LayerOutput.capture() }

    private func parcel() throws -> Chain {
        try chain(("parcel=\(label)", try SwiftPlugin.build("Fixtures/bases/Parcel")))
    }

    private func errno(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch { return (error as? LaminaError)?.errno ?? -1 }
    }

    // MARK: - Names

    @Test(
        "A name is answered in the call, inside of it by its value, or later",
        arguments: ["now.test", "inside.test", "late.test"]
    )
    func answered(name: String) throws {
        let chain = try parcel()
        let question = NameQuestion(name, port: 7, options: .canonicalName)
        let answer = try chain.lookUp(question, deadline: soon())
        #expect(answer.addresses == [Address(host: "127.0.0.1", port: 7)])
        #expect(answer.canonicalName == "whole.test")
        #expect(errno { _ = try chain.resolve(name, port: 7, family: AF_INET6, deadline: soon()) } == EADDRNOTAVAIL)
    }

    @Test(
        "Each reason has its errno",
        arguments: [("nosuch.test", ENOENT), ("failing.test", EHOSTUNREACH), ("dropped.test", EIO), ("", ENOENT)]
    )
    func failures(name: String, expected: Int32) throws {
        let chain = try parcel()
        #expect(errno { _ = try chain.resolve(name, port: 7, deadline: soon()) } == expected)
    }

    @Test("Numbers and this machine are answered for every base")
    func numbers() throws {
        let chain = try chain(("post", try SwiftPlugin.build("Examples/Bases/Post")))
        #expect(try chain.resolve("192.0.2.1", port: 5) == [Address(host: "192.0.2.1", port: 5)])
        let ends = [Address(host: "127.0.0.1", port: 5), Address(host: "::1", port: 5)]
        #expect(try chain.resolve("LocalHost", port: 5) == ends)
        #expect(try chain.resolve("::1", port: 5, family: AF_INET6) == [ends[1]])
        #expect(errno { _ = try chain.resolve("::1", port: 5, family: AF_INET) } == EADDRNOTAVAIL)
        #expect(errno { _ = try chain.lookUp(NameQuestion("far.post", options: .numeric)) } == ENOENT)
        #expect(try chain.resolve("far.post", port: 6) == [Address(host: "127.0.0.1", port: 6)])
    }

    @Test("A cancel and a deadline give a question up, and its value answers nobody")
    func cancelled() throws {
        let chain = try parcel()
        let expired = Deadline.after(seconds: 0.02)
        #expect(errno { _ = try chain.resolve("never.test", port: 1, deadline: expired) } == ETIMEDOUT)
        let lookup = NameLookup(NameQuestion("never.test", port: 1))
        let calls = PendingCalls()
        #expect(calls.call { lookup.start(chain, $0) } == LAMINA_PENDING)
        calls.cancel(0)
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        #expect(LayerOutput.lines(of: label) == ["a question was given up", "a question was given up"])
        let waiting = NameLookup(NameQuestion("never.test", port: 2))
        #expect(calls.call { waiting.start(chain, $0) } == LAMINA_PENDING)
        #expect(try chain.resolve("all.test", port: 3).count == 1)
        #expect(calls.wait(for: 2).last?.status == 0)
        #expect(waiting.answer.addresses == [Address(host: "127.0.0.1", port: 2)])
        #expect(lookup.answer.addresses.isEmpty)
        #expect(LayerOutput.lines(of: label).count == 2)
    }

    @Test("A question that only tries is given up at once where the answer takes its time")
    func tried() throws {
        let chain = try parcel()
        let (late, now) = (NameLookup(NameQuestion("never.test")), NameLookup(NameQuestion("now.test")))
        #expect(trying { late.start(chain, $0) }.status == -EAGAIN)
        #expect(LayerOutput.lines(of: label) == ["a question was given up"])
        #expect(trying { now.start(chain, $0) } == (0, 1))
    }

    @Test("Answers that meet a cancel end each question once")
    func races() throws {
        let chain = try parcel()
        for _ in 0..<200 {
            let lookups = (0..<4).map { _ in NameLookup(NameQuestion("never.test")) }
            let calls = PendingCalls()
            for lookup in lookups { calls.call { lookup.start(chain, $0) } }
            let helper = Helper { _ = try chain.resolve("all.test", port: 3) }
            for number in lookups.indices { calls.cancel(number) }
            try helper.join()
            #expect(calls.wait(for: 4).allSatisfy { [0, -ECANCELED].contains($0.status) })
        }
    }

    @Test("An address has its name, now or later; numbers are the answer where there is none and they will do")
    func reverse() throws {
        let chain = try parcel()
        func name(_ last: Int, _ flags: Int32 = NI_NAMEREQD) throws -> String {
            try chain.name(of: Address(host: "10.0.0.\(last)", port: 1), flags: flags, deadline: soon())
        }
        #expect(try name(1) == "one.test")
        #expect(try name(2) == "two.test")
        #expect(try name(3, 0) == "10.0.0.3")
        #expect(try name(4, 0) == "10.0.0.4")
        #expect(try name(1, NI_NUMERICHOST) == "10.0.0.1")
        #expect(errno { _ = try name(3) } == ENOENT)
        #expect(errno { _ = try name(4) } == ENOENT)
        #expect(errno { _ = try chain.name(of: Address(unix: "/x")) } == EINVAL)
    }

    // MARK: - Options

    @Test("Options are the base's, then the SDK's, and others are not known")
    func options() throws {
        let socket = try parcel().open(.datagram())
        let waiting = socket.waiting
        #expect(try waiting.option(SOL_SOCKET, SO_KEEPALIVE) == 0)
        try waiting.setOption(SOL_SOCKET, SO_KEEPALIVE, to: 1)
        #expect(try waiting.option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(errno { try waiting.setOption(SOL_SOCKET, SO_PRIORITY, to: 1) } == EPERM)
        #expect(errno { try waiting.setOption(SOL_SOCKET, SO_RCVBUF, to: 1) } == ENOPROTOOPT)
        #expect(errno { _ = try waiting.option(SOL_SOCKET, SO_RCVBUF) } == ENOPROTOOPT)
        #expect(try waiting.option(SOL_SOCKET, SO_DOMAIN) == AF_INET && waiting.option(SOL_SOCKET, SO_ERROR) == 0)
        #expect(try waiting.destination() == nil)
        try waiting.setDestination(Address(host: "127.0.0.1", port: 9))
        #expect(try waiting.destination() == Address(host: "127.0.0.1", port: 9))
        try waiting.close()
    }

    @Test("An ioctl's bytes need room, and its caller is told how much; what nobody knows isn't supported")
    func ioctls() throws {
        let socket = try parcel().open(.datagram())
        #expect(control(socket, LAMINA_CONTROL_IOCTL, 0x8901, room: 8) == (0, [1, 2, 3, 4, 5], 5))
        #expect(control(socket, LAMINA_CONTROL_IOCTL, 0x8901, room: 4) == (-ENOBUFS, [0, 0, 0, 0], 5))
        #expect(control(socket, LAMINA_CONTROL_IOCTL, 0x8902, room: 4).status == -EOPNOTSUPP)
        #expect(control(socket, LAMINA_CONTROL_EXTENSION, 0, room: 4).status == -EOPNOTSUPP)
        #expect(control(socket, 99, 0, room: 4).status == -EINVAL)
        let option = control(socket, LAMINA_CONTROL_GET_OPTION, UInt32(SO_TYPE), level: SOL_SOCKET, room: 2)
        #expect(option.status == -EINVAL)
        try socket.waiting.close()
    }

    private func control(
        _ socket: Lamina.Socket,
        _ kind: Int,
        _ code: UInt32,
        level: Int32 = 0,
        room: Int
    ) -> (status: Int32, bytes: [UInt8], count: UInt64) {
        var bytes = [UInt8](repeating: 0, count: room)
        let end = bytes.withUnsafeMutableBytes { bytes in
            var operation = lamina_operation()
            operation.size = UInt32(MemoryLayout<lamina_operation>.size)
            operation.kind = UInt32(kind)
            operation.level = level
            operation.code = code
            operation.output = bytes.baseAddress
            operation.output_capacity = bytes.count
            return trying { lamina_socket_control(socket.handle, &operation, $0) }
        }
        return (end.status, end.status == 0 ? Array(bytes.prefix(Int(end.bytes))) : bytes, end.bytes)
    }
}
