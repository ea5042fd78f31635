import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Forwarding for SOCKS5 clients")
struct ForwardSocksTests {
    @Test("curl gets a page by a name that the chain resolves")
    func curl() throws {
        let server = try ScriptedServer([Array("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi".utf8)], then: .close)
        let forward = try ForwardScene(["--socks", "127.0.0.1:0"])
        let ending = try Child.run([
            "curl", "-s", "--socks5-hostname", forward.address, "http://localhost:\(server.port)/",
        ])
        #expect(ending.code == 0 && ending.output == "hi", "\(ending.errors)")
    }

    @Test("A reply says what came of the connect", arguments: [true, false])
    func codes(isIPv6: Bool) throws {
        let silent = try Loopback.bound(isIPv6: isIPv6)
        defer { close(silent.descriptor) }
        let forward = try ForwardScene(["--socks", "127.0.0.1:0"])
        func reply(_ address: [UInt8], _ port: UInt16) throws -> UInt8? {
            let client = try Wire(port: try forward.port())
            client.send([5, 1, 0] + [5, 1, 0] + address + [UInt8(port >> 8), UInt8(port & 0xff)])
            let answer = client.restOfBytes()
            #expect(answer.error == 0)
            return answer.bytes.count == 12 ? answer.bytes[3] : nil
        }
        let loopback: [UInt8] = isIPv6 ? [4] + [UInt8](repeating: 0, count: 15) + [1] : [1, 127, 0, 0, 1]
        #expect(try reply(loopback, silent.port) == 5)
        let name = Array("nowhere.invalid".utf8)
        #expect(try reply([3, UInt8(name.count)] + name, 80) == 4)
        // A stream's connect to all hosts of a network.
        #expect(try reply([1, 255, 255, 255, 255], 80) == 3)
    }

    @Test("What is no request for a connection is refused with its code")
    func refusals() throws {
        let forward = try ForwardScene(["--socks", "127.0.0.1:0"])
        func answer(_ bytes: [UInt8]) throws -> [UInt8] {
            let client = try Wire(port: try forward.port())
            client.send(bytes)
            return client.restOfBytes().bytes
        }
        #expect(try answer([5, 1, 2]) == [5, 0xff])
        #expect(try answer([5, 0]) == [5, 0xff])
        #expect(try answer([4, 1, 0, 80]) == [])
        #expect(try answer([5, 2, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80]) == [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try answer([5, 1, 0, 5, 1, 0, 9, 0]) == [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try answer([5, 1, 0, 5, 1, 0, 3, 0, 0, 80]) == [5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    }

    @Test("A request that comes byte by byte, with data behind it, is served")
    func pieces() throws {
        let server = try TestServer()
        defer { server.stop() }
        let forward = try ForwardScene(["--socks", "127.0.0.1:0"])
        let client = try Wire(port: try forward.port())
        let name = Array("localhost".utf8)
        let port = [UInt8(server.port >> 8), UInt8(server.port & 0xff)]
        for byte in [5, 2, 1, 0, 5, 1, 0, 3, UInt8(name.count)] + name + port { client.send([byte]) }
        client.send("echo\nhello")
        client.finishSending()
        let answer = client.restOfBytes()
        #expect(answer.bytes.prefix(5) == [5, 0, 5, 0, 0])
        #expect(answer.bytes.suffix(5) == Array("hello".utf8)[...])
    }
}
