import CLamina

/// What the table's functions leave in their completion frames, and find there again.
enum Frame {
    /// Puts this level's frame on the request, with a number beside the context. False: there is no memory.
    static func push(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ function: lamina_completion,
        _ context: UnsafeMutableRawPointer?,
        _ scratch: UInt64 = 0
    ) -> Bool {
        guard let frame = lamina_push(slot, request, function, context) else { return false }
        frame.pointee.scratch = scratch
        return true
    }

    /// The same into the request itself, as `lamina_push`, which isn't inlined where it should be: into a function that the
    /// table has. False: its frames are taken.
    @inline(__always)
    static func pushInline(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ function: lamina_completion,
        _ context: UnsafeMutableRawPointer?,
        _ scratch: UInt64 = 0
    ) -> Bool {
        let index = Int(request.pointee.frame_count)
        guard index < Int(LAMINA_INLINE_FRAMES) else { return false }
        let frame = inline(request) + index
        request.pointee.frame_count = UInt16(truncatingIfNeeded: index &+ 1)
        frame.pointee.function = function
        frame.pointee.slot = slot
        frame.pointee.context = context
        frame.pointee.scratch = scratch
        return true
    }

    /// The frames that every request has room for.
    @inline(__always)
    private static func inline(
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> UnsafeMutablePointer<lamina_frame> {
        let place = MemoryLayout<lamina_request>.offset(of: \.frames) ?? 0
        return (UnsafeMutableRawPointer(request) + place).assumingMemoryBound(to: lamina_frame.self)
    }

    /// That number, while the frame runs: its place is the one after the frames that are left.
    static func scratch(_ request: UnsafeMutablePointer<lamina_request>) -> UInt64 {
        lamina_request_frame(request, UInt32(request.pointee.frame_count)).pointee.scratch
    }

    /// Where an accept writes the peer's address.
    static func peer(_ request: UnsafeMutablePointer<lamina_request>) -> UnsafeMutablePointer<lamina_address>? {
        UnsafeMutablePointer(bitPattern: UInt(scratch(request)))
    }

    /// Whether a receive leaves the data where they are, or takes none.
    @inline(__always)
    static func isLook(_ flags: UInt32) -> Bool {
        flags & UInt32(LAMINA_RECEIVE_PEEK | LAMINA_RECEIVE_REPORTS) != 0
    }

    /// The address that a question was answered with; nil where it failed.
    static func answered(
        _ context: UnsafeMutableRawPointer?,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> Address? {
        guard request.pointee.status >= 0, let context else { return nil }
        return Address(context.assumingMemoryBound(to: lamina_address.self).pointee)
    }

    /// The bytes of the datagrams that a call received.
    static func received(
        _ context: UnsafeMutableRawPointer?,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> UInt64 {
        guard let messages = context?.assumingMemoryBound(to: lamina_message.self) else { return 0 }
        var bytes: UInt64 = 0
        for index in 0..<Int(clamping: request.pointee.bytes) { bytes &+= messages[index].bytes }
        return bytes
    }
}
