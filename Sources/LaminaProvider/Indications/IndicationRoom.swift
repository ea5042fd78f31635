public import CLamina

/// Where a base reads to.
public struct IndicationRoom {
    /// The bytes' place.
    public let bytes: UnsafeMutableRawPointer
    /// How many there may be.
    public let capacity: Int
    /// Where a datagram's sender is written; nil for streams.
    public let address: UnsafeMutablePointer<lamina_address>?
    /// Where a datagram's ancillary data are written; nil for streams.
    public let control: UnsafeMutableRawPointer?
    /// Room at first, then what was written.
    public var controlLength: Int
    /// `LAMINA_MESSAGE_…`.
    public var flags: UInt32 = 0

    /// The whole place, for a call that receives.
    @inlinable
    public var buffer: lamina_buffer { lamina_buffer(base: bytes, length: capacity) }

    /// A datagram to receive into `buffer`, a copy of `self.buffer` that stands until the call has returned.
    @inlinable
    public func message(into buffer: UnsafePointer<lamina_buffer>) -> lamina_message {
        lamina_message(into: buffer, address: address, control: control, controlRoom: controlLength)
    }

    /// Notes what a datagram brought beside its bytes, once it was received into such a message. Where none was,
    /// `received` is a negative errno. Never blocks or allocates; inside the input lane.
    @inlinable
    public mutating func note(_ message: lamina_message, _ received: Int) {
        controlLength = received < 0 ? 0 : message.control_length
        flags = message.flags
    }
}
