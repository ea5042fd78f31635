import CLamina
import Glibc

/// What a call was made with that is looked at again when it has ended.
struct CallParts {
    var buffers: UnsafePointer<lamina_buffer>?
    var bufferCount: UInt32 = 0
    var address: UnsafeMutablePointer<lamina_address>?
    var messages: UnsafeMutablePointer<lamina_message>?
    var messageCount: UInt32 = 0
    var question: UnsafeMutablePointer<lamina_resolve_arguments>?
    var reverse: UnsafeMutablePointer<lamina_reverse_arguments>?
    /// Whether every message's buffers are kept, rather than the first one's.
    var keepsAll = false
}

/// A call that an observer has a note of, in one block:
///
///     KeptCall | Note | buffer descriptors
@usableFromInline
struct KeptCall {
    let entry: Entry
    /// Where the address in the answer is written.
    var address: UnsafeMutablePointer<lamina_address>?
    /// Room for it, for a caller that wanted none.
    var room = lamina_address()
    let messages: UnsafeMutablePointer<lamina_message>?
    let messageCount: UInt32
    let question: UnsafeMutablePointer<lamina_resolve_arguments>?
    let reverse: UnsafeMutablePointer<lamina_reverse_arguments>?
    let bufferCount: Int
    private let buffersOffset: Int
    /// Whether the message has this room as long as the call lasts.
    var hasLentRoom = false

    private static let noteOffset = aligned(MemoryLayout<KeptCall>.size)

    private init(_ entry: Entry, _ parts: CallParts, bufferCount: Int, noteSize: Int) {
        self.entry = entry
        address = parts.address
        messages = parts.messages
        messageCount = parts.messageCount
        question = parts.question
        reverse = parts.reverse
        self.bufferCount = bufferCount
        buffersOffset = Self.noteOffset + Self.aligned(noteSize)
    }

    /// With room for a note of this size, which the caller writes at `note`. Nil: there is no memory.
    static func make(
        _ entry: Entry,
        _ parts: CallParts,
        noteSize: Int,
        asksForSenders: Bool
    ) -> UnsafeMutablePointer<KeptCall>? {
        var count = 0
        parts.forEachList { count += Int($1) }
        let call = KeptCall(entry, parts, bufferCount: count, noteSize: noteSize)
        let size = call.buffersOffset + count * MemoryLayout<lamina_buffer>.stride
        guard let memory = malloc(size) else { return nil }
        let kept = memory.bindMemory(to: KeptCall.self, capacity: 1)
        kept.initialize(to: call)
        var next = buffers(kept)
        parts.forEachList { list, count in
            next.initialize(from: list, count: Int(count))
            next += Int(count)
        }
        if asksForSenders, entry == .receiveFrom, let message = parts.messages, message.pointee.address == nil {
            let room = kept.field(\.room)
            message.pointee.address = room
            kept.pointee.address = room
            kept.pointee.hasLentRoom = true
        }
        return kept
    }

    /// Frees the block, whose note is gone.
    static func destroy(_ kept: UnsafeMutablePointer<KeptCall>) {
        // The caller's struct is as it came.
        if kept.pointee.hasLentRoom { kept.pointee.messages?.pointee.address = nil }
        free(kept)
    }

    static func note(_ kept: UnsafeMutablePointer<KeptCall>) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(kept) + noteOffset
    }

    static func buffers(_ kept: UnsafeMutablePointer<KeptCall>) -> UnsafeMutablePointer<lamina_buffer> {
        (UnsafeMutableRawPointer(kept) + kept.pointee.buffersOffset).assumingMemoryBound(to: lamina_buffer.self)
    }

    /// As `malloc` aligns.
    private static func aligned(_ size: Int) -> Int { (size + 15) & ~15 }
}

extension CallParts {
    /// Runs `body` with each list of buffers that is kept.
    fileprivate func forEachList(_ body: (UnsafePointer<lamina_buffer>, UInt32) -> Void) {
        if let buffers { body(buffers, bufferCount) }
        guard let messages, messageCount > 0 else { return }
        for index in 0..<(keepsAll ? Int(messageCount) : 1) {
            if let buffers = messages[index].buffers { body(buffers, messages[index].buffer_count) }
        }
    }
}
