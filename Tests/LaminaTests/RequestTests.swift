import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("Requests", .serialized)
struct RequestTests {
    let fixtures: CoreFixtures

    init() throws {
        fixtures = try CoreFixtures()
    }

    @Test("A deadline ends what pends, and says so")
    func deadline() throws {
        let socket = try fixtures.chain().open(.connection())
        #expect {
            _ = try socket.waiting.receive(upTo: 1, deadline: Deadline.after(seconds: 0.01))
        } throws: { error in
            (error as? LaminaError)?.code == .timedOut
        }
        try socket.waiting.close()
    }

    @Test("Cancelling a task cancels its request")
    func taskCancellation() async throws {
        let socket = try fixtures.chain().open(.connection())
        let task = Task { try await socket.receive(upTo: 1) }
        task.cancel()
        let result = await task.result
        #expect {
            _ = try result.get()
        } throws: { error in
            (error as? LaminaError)?.code == .cancelled
        }
        try await socket.closed()
    }

    @Test("Closing completes what pends as cancelled, and a late call is refused")
    func close() async throws {
        let socket = try fixtures.chain().open(.connection())
        let pending = Task { try await socket.receive(upTo: 1) }
        await socket.somethingPends()
        try await socket.closed()
        let result = await pending.result
        #expect(throws: LaminaError.self) { _ = try result.get() }
        #expect {
            try socket.waiting.send([1])
        } throws: { error in
            (error as? LaminaError)?.code == .closed
        }
        #expect(throws: LaminaError.self) { try socket.waiting.close() }
    }

    @Test("A close that a level holds up ends with a time-out that names it")
    func stubborn() async throws {
        let socket = try fixtures.chain().open(.connection())
        let pending = Task { try await socket.receive(upTo: 1) }
        await socket.somethingPends()
        socket.beStubborn()
        await #expect {
            try await socket.closed()
        } throws: { error in
            (error as? LaminaError)?.code == .timedOut
        }
        pending.cancel()
        _ = await pending.result
    }

    @Test("A program that runs its engine itself gets completions on its own thread")
    func ownEngine() throws {
        let engine = try Engine()
        let socket = try fixtures.chain(engine: engine).open(.connection())
        final class Box: @unchecked Sendable { var thread: Int32 = 0 }
        let box = Box()
        let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
        defer { request.deallocate() }
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().thread = clinux_thread_id()
                return 0
            },
            Unmanaged.passUnretained(box).toOpaque()
        )
        request.pointee.deadline = Deadline.after(seconds: 0.005)
        var byte: UInt8 = 0
        let status = withUnsafeMutablePointer(to: &byte) { byte in
            var buffer = lamina_buffer(base: byte, length: 1)
            return lamina_socket_receive(socket.handle, &buffer, 1, 0, request)
        }
        #expect(status == LAMINA_PENDING)
        #expect(request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0)
        while box.thread == 0 { engine.run(timeout: 1_000_000_000) }
        #expect(box.thread == clinux_thread_id())
        #expect(request.pointee.status == -ETIMEDOUT)
        try socket.waiting.close()
    }

    @Test("A request completes exactly once, whoever of complete, cancel, deadline and close comes first")
    func exactlyOnce() throws {
        let race = try Race(try fixtures.chain())
        try race.run(rounds: 100_000)
        #expect(race.wrong == 0)
        #expect(race.completions == 100_000)
        #expect(race.outcomes.count >= 3, "the race was none: \(race.outcomes)")
    }

    @Test("A call that races close reaches its own socket or is refused, though columns are used again at once")
    func lateCalls() throws {
        let race = try LateCalls(try fixtures.chain())
        try race.run(rounds: 20_000)
        #expect(race.wrong == 0)
        #expect(race.served > 0)
        #expect(race.refused > 0)
    }
}
