import CLamina
import Glibc

/// The buffers of a receive, whose descriptors are gone when it ends later: one in the frame itself, several in a copy.
struct KeptRoom {
    private static let isList: UInt64 = 1 << 63
    private static let isPeek: UInt64 = 1 << 62

    private let context: UnsafeMutableRawPointer?
    private let scratch: UInt64

    /// Puts a frame that has the room on the request. False: there is no memory.
    static func keep(
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: ReceiveFlags,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> Bool {
        guard let kept = KeptRoom(buffers, count, flags) else { return false }
        if Frame.push(slot, request, ended, kept.context, kept.scratch) { return true }
        kept.discard()
        return false
    }

    /// Nil: there is no memory.
    private init?(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32, _ flags: ReceiveFlags) {
        let peek = flags.contains(.peek) ? Self.isPeek : 0
        guard let buffers, count != 1 else {
            context = buffers?.pointee.base
            scratch = peek | UInt64(buffers?.pointee.length ?? 0) & ~(Self.isList | Self.isPeek)
            return
        }
        let size = Int(count) * MemoryLayout<lamina_buffer>.stride
        guard let copy = malloc(size + 1) else { return nil }
        copy.copyMemory(from: buffers, byteCount: size)
        context = copy
        scratch = peek | Self.isList | UInt64(count)
    }

    private init(_ request: UnsafeMutablePointer<lamina_request>, _ context: UnsafeMutableRawPointer?) {
        self.context = context
        scratch = Frame.scratch(request)
    }

    /// Whether the bytes were only looked at.
    var isPeek: Bool { scratch & Self.isPeek != 0 }

    /// Runs `body` with the first `count` bytes, piece by piece.
    func forEach(_ count: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        let number = Int(scratch & ~(Self.isList | Self.isPeek))
        guard scratch & Self.isList != 0, let buffers = context?.assumingMemoryBound(to: lamina_buffer.self) else {
            let length = min(number, count)
            guard length > 0, let base = context?.assumingMemoryBound(to: UInt8.self) else { return }
            return body(UnsafeMutableBufferPointer(start: base, count: length))
        }
        var rest = count
        for index in 0..<number where rest > 0 {
            let length = min(rest, buffers[index].length)
            guard length > 0, let base = buffers[index].base else { continue }
            body(UnsafeMutableBufferPointer(start: base.assumingMemoryBound(to: UInt8.self), count: length))
            rest -= length
        }
    }

    private func discard() {
        if scratch & Self.isList != 0 { free(context) }
    }

    /// The frame of a receive.
    private static let ended: lamina_completion = { slot, request, context in
        let kept = KeptRoom(request, context)
        if let slot, let part = Part(slot), request.pointee.bytes > 0 {
            part.own.transform?.decode(part, kept, request)
            part.own.receivedBytes?.see(part, kept, slot, request)
        }
        kept.discard()
        return 0
    }
}
