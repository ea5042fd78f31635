public import CLamina

/// The calls whose link stands in the slot itself (`LAMINA_DIRECT_ENTRY`), as `lamina_send` and its like make them: written
/// in Swift, because a C function isn't inlined where a layer's method is called through its protocol.
@usableFromInline
enum DirectLinks {
    @inlinable @inline(__always)
    static func send(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let link = slot.pointee.send
        let function = unsafeBitCast(link.function, to: lamina_send_function.self)
        return function(link.slot.unsafelyUnwrapped, buffers, count, flags, request)
    }

    @inlinable @inline(__always)
    static func receive(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let link = slot.pointee.receive
        let function = unsafeBitCast(link.function, to: lamina_receive_function.self)
        return function(link.slot.unsafelyUnwrapped, buffers, count, flags, request)
    }

    @inlinable @inline(__always)
    static func sendTo(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let link = slot.pointee.send_to
        let function = unsafeBitCast(link.function, to: lamina_send_to_function.self)
        return function(link.slot.unsafelyUnwrapped, message, flags, request)
    }

    @inlinable @inline(__always)
    static func receiveFrom(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let link = slot.pointee.receive_from
        let function = unsafeBitCast(link.function, to: lamina_receive_from_function.self)
        return function(link.slot.unsafelyUnwrapped, message, flags, request)
    }
}
