import Glibc
import NIOCore
import NIOPosix

/// The benchmarks' services on SwiftNIO, on one event loop. Prints a line for each, its name and its port on loopback,
/// then `ready`, and serves until its standard input ends.
@main
struct NIOServer {
    static func main() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let services: [(String, any Channel)] = [
            ("echo", try stream(group) { Echo<ByteBuffer>() }),
            ("take", try stream(group) { Take() }),
            ("give", try stream(group) { Give() }),
            ("datagrams", try datagrams(group, batch: 1)),
            ("datagram-batches", try datagrams(group, batch: 64)),
        ]
        for (name, channel) in services { print(name, channel.localAddress?.port ?? 0) }
        print("ready")
        fflush(nil)
        while readLine() != nil {}
        for (_, channel) in services { try channel.close().wait() }
        try group.syncShutdownGracefully()
    }

    private static func stream(
        _ group: MultiThreadedEventLoopGroup,
        _ handler: @escaping @Sendable () -> some ChannelHandler
    ) throws -> any Channel {
        try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
    }

    private static func datagrams(_ group: MultiThreadedEventLoopGroup, batch: Int) throws -> any Channel {
        var bootstrap = DatagramBootstrap(group: group)
        if batch > 1 {
            bootstrap =
                bootstrap
                .channelOption(.datagramVectorReadMessageCount, value: batch)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: batch * 2048))
        }
        return
            try bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Echo<AddressedEnvelope<ByteBuffer>>())
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
    }
}
