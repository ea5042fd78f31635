import NIOCore

/// Sends back what comes.
final class Echo<Message>: ChannelInboundHandler {
    typealias InboundIn = Message
    typealias OutboundOut = Message

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Reads how many bytes follow, takes them, and sends one byte when it has all.
final class Take: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var rest = 0
    private let done = ByteBuffer(bytes: [0])

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if rest == 0 { rest = bytes.readInteger(endianness: .little, as: Int.self) ?? 0 }
        guard bytes.readableBytes > 0 else { return }
        rest -= bytes.readableBytes
        if rest == 0 { context.writeAndFlush(wrapOutboundOut(done), promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Reads how many bytes are wanted, and sends as many.
final class Give: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var rest = 0
    private let block = ByteBuffer(repeating: 0, count: 65_536)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        rest += bytes.readInteger(endianness: .little, as: Int.self) ?? 0
        give(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        give(context)
        context.fireChannelWritabilityChanged()
    }

    /// As much as the channel takes for now; it is called again when it takes more.
    private func give(_ context: ChannelHandlerContext) {
        while rest > 0, context.channel.isWritable {
            let count = min(rest, block.readableBytes)
            rest -= count
            context.writeAndFlush(wrapOutboundOut(block.getSlice(at: 0, length: count) ?? block), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
