import CLinux
import Glibc
import Lamina
import LaminaHost
import TestSupport
import Testing

@Suite("Forwarding")
struct ForwardTests {
    @Test("A stream is carried both ways, and each direction ends by itself")
    func halfClose() throws {
        let server = try TestServer()
        defer { server.stop() }
        let forward = try ForwardScene(["127.0.0.1:0", "127.0.0.1:\(server.port)"])
        let client = try Wire(port: try forward.port())
        let text = String(repeating: "0123456789abcdef", count: 20_000)
        client.send("echo\n\(text)")
        client.finishSending()
        // The server's end comes after the client's, and all of what it said.
        let answer = client.rest()
        #expect(answer.error == 0 && answer.text == text)
    }

    @Test("A reset of the target is a reset for the client")
    func reset() throws {
        let server = try TestServer()
        defer { server.stop() }
        let forward = try ForwardScene(["127.0.0.1:0", "127.0.0.1:\(server.port)"])
        let client = try Wire(port: try forward.port())
        client.send("reset\n")
        #expect(client.rest().error == ECONNRESET)
    }

    @Test("A target that refuses resets the client, and is said once")
    func refused() throws {
        let silent = try Loopback.bound()
        defer { close(silent.descriptor) }
        let forward = try ForwardScene(["127.0.0.1:0", "127.0.0.1:\(silent.port)"])
        for _ in 0..<2 { #expect(try Wire(port: try forward.port()).rest().error == ECONNRESET) }
        let ending = forward.end()
        #expect(ending.code == 0)
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
        #expect(ending.errors.contains("127.0.0.1:\(silent.port): refused by kernel (Connection refused)"))
    }

    @Test("A Unix socket leads to TCP and TCP to a Unix socket, and the file goes with the end")
    func local() throws {
        let server = try TestServer()
        defer { server.stop() }
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/front"
        let inner = try ForwardScene(["unix:\(path)", "localhost:\(server.port)"])
        #expect(inner.address == "unix:\(path)")
        let outer = try ForwardScene(["127.0.0.1:0", "unix:\(path)"])
        let client = try Wire(port: try outer.port())
        client.send("echo\nhello")
        client.finishSending()
        let answer = client.rest()
        #expect(answer.error == 0 && answer.text == "hello")
        #expect(inner.end().code == 0)
        #expect(access(path, F_OK) != 0)
    }

    @Test("A Unix socket's file that a killed one left is replaced; one that is served is not")
    func stale() throws {
        let directory = try TemporaryDirectory()
        let arguments = ["unix:\(directory.path)/front", "127.0.0.1:1"]
        let first = try ForwardScene(arguments)
        let second = try Child.run([HostFixtures.driver, "--forward"] + arguments)
        #expect(second.code == 125 && second.errors.contains("Address already in use"), "\(second.errors)")
        first.kill()
        #expect(try ForwardScene(arguments).end().code == 0)
    }

    @Test("Layers stand in what is forwarded, and are controlled as a run's")
    func control() throws {
        let server = try TestServer()
        defer { server.stop() }
        let directory = try TemporaryDirectory()
        let forward = try ForwardScene(
            ["127.0.0.1:0", "127.0.0.1:\(server.port)", HostFixtures.letter],
            environment: ["XDG_RUNTIME_DIR=\(directory.path)"]
        )
        let client = try Wire(port: try forward.port())
        client.send("echo\n12345")
        #expect(client.receive(5) == "xxxxx")
        let run = try RunHandle(named: "lamina", in: "\(directory.path)/lamina")
        #expect(try run.set("letter", ["letter=b"]) == 1)
        client.send("12345")
        #expect(client.receive(5) == "bbbbb")
        let status = try run.status()
        #expect(status.command == ["lamina", "forward", "127.0.0.1:0", "127.0.0.1:\(server.port)"])
        #expect(status.openSockets == 1 && status.sent == 15 && status.received == 10)
        #expect(forward.end().code == 0)
        #expect(client.rest().error == ECONNRESET)
        #expect(try ControlScene.files(in: directory) == [])
    }

    @Test("Connections may go on after the signal for as long as is said")
    func drain() throws {
        let server = try TestServer()
        defer { server.stop() }
        let forward = try ForwardScene(["--drain=60", "127.0.0.1:0", "127.0.0.1:\(server.port)"])
        let client = try Wire(port: try forward.port())
        client.send("echo\none")
        #expect(client.receive(3) == "one")
        forward.signal()
        // Who comes now is refused; who is there goes on.
        while (try? Wire(port: try forward.port())) != nil { sched_yield() }
        client.send("two")
        #expect(client.receive(3) == "two")
        client.finishSending()
        #expect(client.rest().error == 0)
        #expect(forward.ending().code == 0)
    }

    @Test("An address that is none is refused with what to write")
    func mistakes() throws {
        func refused(_ arguments: [String], _ text: String) throws {
            let ending = try Child.run([HostFixtures.driver, "--forward"] + arguments)
            #expect(ending.code == 125 && ending.output == "")
            #expect(ending.errors.contains(text), "\(ending.errors)")
        }
        try refused(["8080", "127.0.0.1:1"], "address \"8080\": has no port")
        try refused(
            ["example.org:0", "127.0.0.1:1"],
            "listening address \"example.org:0\": is no address of this machine"
        )
        try refused(["127.0.0.1:0", "127.0.0.1:0"], "target \"127.0.0.1:0\": has no port to connect to")
        try refused(["127.0.0.1:0", "localhost"], "address \"localhost\": has no port")
        try refused(["127.0.0.1:0", "unix:"], "target \"unix:\": has no path")
        try refused(["192.0.2.1:0", "127.0.0.1:1"], "192.0.2.1:0: it can't be listened at")
        try refused(["unix:/nowhere/socket", "127.0.0.1:1"], "unix:/nowhere/socket: it can't be listened at")
    }
}
