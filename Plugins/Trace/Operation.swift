import CLamina
import Glibc
import LaminaProvider

/// What a line will say of one call or event, kept in raw memory until it has ended: what a caller passed is only
/// valid while its call lasts.
///
///     Operation | buffer descriptors | the first bytes of the data
struct Operation {
    /// `LAMINA_ENTRY_…`, or `LAMINA_INDICATION_…` for an event.
    var number: UInt32
    /// How its line is written.
    var look: Look
    var isEvent = false
    /// CLOCK_MONOTONIC, nanoseconds.
    var started: Int64 = 0
    /// Flags, an action, a backlog: what the entry has.
    var flags: UInt32 = 0
    /// A second number that the entry has.
    var detail: UInt32 = 0
    /// Bytes (datagrams in `receive_messages`) asked for, or indicated.
    var size: UInt64 = 0
    /// Where it goes to or comes from.
    var address = lamina_address()
    /// A second address, for a caller that wanted none.
    var answer = lamina_address()
    /// Where the address in the answer is written.
    var answered: UnsafeMutablePointer<lamina_address>?
    var messages: UnsafeMutablePointer<lamina_message>?
    var query: UnsafeMutablePointer<lamina_resolve_arguments>?
    var reverseQuery: UnsafeMutablePointer<lamina_reverse_arguments>?
    /// The number of the new socket in an accept event.
    var accepted: UInt64 = 0
    /// The two first inputs of a control operation: kind, level, code, an integer value.
    var kind: UInt32 = 0
    var level: Int32 = 0
    var code: UInt32 = 0
    var value: Int32?
    var bufferCount = 0
    var sampleCount = 0

    private static let bufferCapacity = 16
    private static var buffersOffset: Int { (MemoryLayout<Operation>.size + 15) & ~15 }
    private static var sampleOffset: Int { buffersOffset + bufferCapacity * MemoryLayout<lamina_buffer>.stride }

    /// Room for one operation with the bytes of its data that are shown, or nil where memory ran out.
    static func make(_ number: Int, look: Look, isEvent: Bool) -> UnsafeMutablePointer<Operation>? {
        guard let memory = malloc(sampleOffset + look.sample) else { return nil }
        let operation = memory.bindMemory(to: Operation.self, capacity: 1)
        operation.initialize(to: Operation(number: UInt32(number), look: look, isEvent: isEvent))
        return operation
    }

    /// CLOCK_MONOTONIC in nanoseconds.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// What is written into an operation while its call is made.
extension UnsafeMutablePointer<Operation> {
    /// Gives the memory back.
    func destroy() {
        deinitialize(count: 1)
        free(self)
    }

    /// The first bytes of the data.
    var sample: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: UnsafeRawPointer(self) + Operation.sampleStart,
            count: pointee.sampleCount
        )
    }

    /// Copies an address as far as it is used.
    func keep(_ address: UnsafePointer<lamina_address>) {
        let used = (MemoryLayout<lamina_address>.offset(of: \.storage) ?? 8) + Int(address.pointee.length)
        memcpy(&pointee.address, address, min(used, MemoryLayout<lamina_address>.size))
    }

    /// Keeps where the data will be or is, and counts its bytes.
    func keep(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) {
        let kept = Operation.buffers(of: self)
        for index in 0..<Int(buffers == nil ? 0 : count) {
            guard let buffer = buffers?[index] else { return }
            pointee.size += UInt64(buffer.length)
            if pointee.bufferCount < Operation.capacity {
                kept[pointee.bufferCount] = buffer
                pointee.bufferCount += 1
            }
        }
    }

    /// Copies the first bytes of the data that the kept buffers hold, at most `count` and `limit`.
    func takeSample(_ count: UInt64, limit: Int) {
        let buffers = Operation.buffers(of: self)
        let sample = UnsafeMutableRawPointer(self) + Operation.sampleStart
        for index in 0..<pointee.bufferCount {
            let wanted = min(limit, Int(clamping: count)) - pointee.sampleCount
            guard let base = buffers[index].base, wanted > 0 else { continue }
            let length = min(wanted, buffers[index].length)
            memcpy(sample + pointee.sampleCount, base, length)
            pointee.sampleCount += length
        }
    }

    /// Keeps indicated data: their sizes, their first bytes and the first sender. They may be gone afterwards.
    func keep(_ nodes: UnsafeMutablePointer<lamina_data>?, limit: Int) {
        var next = nodes
        while let node = next {
            pointee.detail += 1
            if pointee.detail == 1, let address = node.pointee.address { keep(address) }
            withUnsafePointer(to: node.pointee.buffer) { keep($0, 1) }
            next = node.pointee.next
        }
        takeSample(pointee.size, limit: limit)
    }
}

extension Operation {
    fileprivate static var capacity: Int { bufferCapacity }
    fileprivate static var sampleStart: Int { sampleOffset }
    fileprivate static func buffers(of operation: UnsafeMutablePointer<Operation>) -> UnsafeMutablePointer<
        lamina_buffer
    > {
        (UnsafeMutableRawPointer(operation) + buffersOffset).assumingMemoryBound(to: lamina_buffer.self)
    }
}
