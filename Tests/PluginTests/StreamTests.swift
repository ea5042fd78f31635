import CLinux
import Glibc
import Lamina
import Testing

@Suite("Streams of the base providers")
struct StreamTests {
    @Test(
        "A connection carries bytes both ways, and its ends know each other's names",
        arguments: [BaseProvider.kernel]
    )
    func echo(base: BaseProvider) throws {
        let chain = try base.chain()
        let pair = try Pair(chain)
        try pair.client.waiting.send(Array("hello".utf8))
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()) == Array("hello".utf8))
        try pair.server.waiting.send(Array("world!".utf8))
        #expect(try pair.client.waiting.receive(upTo: 100, deadline: soon()) == Array("world!".utf8))
        #expect(try pair.client.waiting.localAddress() == pair.server.waiting.remoteAddress())
        #expect(try pair.client.waiting.remoteAddress() == pair.server.waiting.localAddress())
        try pair.close()
    }
}
