import Glibc
import TestSupport
import Testing

@Suite("In a container as Docker makes it")
struct ContainerTests {
    private func run(_ layers: [String], _ program: [String]) throws -> Child.Ending {
        try Child([HostFixtures.container, HostFixtures.driver] + layers + ["--"] + program).end()
    }

    @Test("The preload object carries a program", arguments: HostFixtures.Effect.allCases)
    func preload(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try run(effect.layers, [HostFixtures.client, "connect", "127.0.0.1", "\(server.port)"])
        #expect(ending.lines.first == "connect 0")
        #expect(ending.lines.contains("peer 127.0.0.1 \(server.port)"))
        #expect(ending.lines.last?.hasPrefix("read 5 ") == true)
        #expect(ending.errors == "")
    }

    @Test("What the preload object can't get into is refused, with what the container lacks")
    func notify() throws {
        let ending = try run([], [HostFixtures.staticClient, "connect", "127.0.0.1", "1"])
        #expect(ending.code == 125)
        #expect(ending.lines == [])
        #expect(
            ending.errors.contains("the back end notify can't be used: the system refuses a look at another process's")
        )
        #expect(ending.errors.contains("; in a container, --cap-add SYS_PTRACE allows it"))
    }

    @Test("A child that the preload object isn't in is refused at the call, for nothing can be seen of it")
    func children() throws {
        let server = try TestServer()
        defer { server.stop() }
        let line = "\(HostFixtures.staticClient) connect 127.0.0.1 \(server.port)"
        let ending = try run([], ["/bin/sh", "-c", line])
        #expect(ending.lines == ["connect \(EPERM)"])
        #expect(ending.errors.contains("its sockets can't be looked at"))
    }
}
