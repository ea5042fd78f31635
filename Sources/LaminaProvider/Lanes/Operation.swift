public import CLamina
import Glibc

/// A request that waits in a lane, with its own copies of what the caller need not keep: buffer descriptors, and for
/// sends the addresses and control data too.
public struct Operation {
    /// The next in its lane.
    var next: UnsafeMutablePointer<Operation>?
    /// Whether it stands in its lane's list.
    var isQueued = false
    /// Whether a waiting thread polls for it, so that the engine need not.
    public var isDriven = false
    /// The entry, `LAMINA_ENTRY_…`.
    public let kind: UInt32
    /// The call's flags.
    public let flags: UInt32
    /// 0 or a negative errno, once it has ended.
    public var status: Int32 = 0
    /// The lane that it waits in.
    public let lane: UnsafeMutablePointer<Lane>
    /// The base's slot.
    public let slot: UnsafeMutablePointer<lamina_slot>
    /// The request.
    public let request: UnsafeMutablePointer<lamina_request>
    /// Bytes moved so far, or messages, or whatever the entry counts.
    public var moved: UInt64 = 0
    /// What is left of a stream operation's buffers.
    public var remaining = RemainingBuffers(nil, count: 0)
    /// Copies of the messages of a datagram operation.
    public fileprivate(set) var messages: UnsafeMutablePointer<lamina_message>?
    /// The caller's messages, where results are written; nil if the call has none to write.
    public fileprivate(set) var results: UnsafeMutablePointer<lamina_message>?
    /// How many messages there are.
    public fileprivate(set) var messageCount = 0
    /// How many of them are done.
    public var messagesDone = 0
    /// Where an accept writes its addresses; an operation with an address of its own has its copy in `remote`.
    public var local: UnsafeMutablePointer<lamina_address>?
    /// For an accept: which inspection its connection came from, serial 0 for none.
    public var inspection = lamina_inspect_id()
    /// For an accept that the levels above are asked about.
    public var arrivals = Arrivals()
    /// See `local`.
    public var remote: UnsafeMutablePointer<lamina_address>?
    /// The provider's own.
    public var plan: UnsafeMutableRawPointer?
}

extension UnsafeMutablePointer<Operation> {
    /// An operation without data, with a copy of `address` in `remote`. Nil: no memory.
    public static func make(
        _ kind: Int,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        address: UnsafePointer<lamina_address>? = nil,
        flags: UInt32 = 0
    ) -> Self? {
        let stride = address == nil ? 0 : MemoryLayout<lamina_address>.stride
        guard let memory = allocate(extra: stride) else { return nil }
        memory.initialize(to: Operation(kind: UInt32(kind), flags: flags, lane: lane, slot: slot, request: request))
        if let address {
            let copy = memory.extra.assumingMemoryBound(to: lamina_address.self)
            copy.initialize(to: address.pointee)
            memory.pointee.remote = copy
        }
        return memory
    }

    /// A stream operation of which the first `moved` bytes are done, with copies of the buffer descriptors.
    public static func make(
        _ kind: Int,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        buffers: UnsafePointer<lamina_buffer>?,
        count: UInt32,
        flags: UInt32,
        moved: Int = 0
    ) -> Self? {
        let count = buffers == nil ? 0 : Int(count)
        guard let memory = allocate(extra: count * MemoryLayout<lamina_buffer>.stride) else { return nil }
        memory.initialize(to: Operation(kind: UInt32(kind), flags: flags, lane: lane, slot: slot, request: request))
        if let buffers, count > 0 {
            let copies = memory.extra.assumingMemoryBound(to: lamina_buffer.self)
            copies.initialize(from: buffers, count: count)
            memory.pointee.remaining = RemainingBuffers(copies, count: count)
            memory.pointee.remaining.advance(by: moved)
            memory.pointee.moved = UInt64(moved)
        }
        return memory
    }

    /// A datagram operation. A send's addresses and control data are copied; a receive writes through the caller's. Nil: no
    /// memory, or not for so much control data.
    public static func make(
        _ kind: Int,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        messages: UnsafePointer<lamina_message>,
        results: UnsafeMutablePointer<lamina_message>?,
        count: Int,
        flags: UInt32,
        isSend: Bool
    ) -> Self? {
        var extra = count * MemoryLayout<lamina_message>.stride
        for index in 0..<count {
            extra += Int(messages[index].buffer_count) * MemoryLayout<lamina_buffer>.stride
            guard isSend else { continue }
            if messages[index].address != nil { extra += MemoryLayout<lamina_address>.stride }
            guard messages[index].control != nil else { continue }
            guard (0...mostControl).contains(messages[index].control_length) else { return nil }
            extra += aligned(messages[index].control_length)
        }
        guard let memory = allocate(extra: extra) else { return nil }
        memory.initialize(to: Operation(kind: UInt32(kind), flags: flags, lane: lane, slot: slot, request: request))
        let copies = memory.extra.assumingMemoryBound(to: lamina_message.self)
        copies.initialize(from: messages, count: count)
        var rest = memory.extra + count * MemoryLayout<lamina_message>.stride
        for index in 0..<count { copyParts(of: copies + index, isSend: isSend, into: &rest) }
        memory.pointee.messages = copies
        memory.pointee.results = results
        memory.pointee.messageCount = count
        return memory
    }

    private static func copyParts(
        of message: UnsafeMutablePointer<lamina_message>,
        isSend: Bool,
        into rest: inout UnsafeMutableRawPointer
    ) {
        if let buffers = message.pointee.buffers {
            let count = Int(message.pointee.buffer_count)
            let copies = rest.assumingMemoryBound(to: lamina_buffer.self)
            copies.initialize(from: buffers, count: count)
            message.pointee.buffers = UnsafePointer(copies)
            rest += count * MemoryLayout<lamina_buffer>.stride
        }
        guard isSend else { return }
        if let address = message.pointee.address {
            let copy = rest.assumingMemoryBound(to: lamina_address.self)
            copy.initialize(to: address.pointee)
            message.pointee.address = copy
            rest += MemoryLayout<lamina_address>.stride
        }
        if let control = message.pointee.control {
            rest.copyMemory(from: control, byteCount: message.pointee.control_length)
            message.pointee.control = rest
            rest += aligned(message.pointee.control_length)
        }
    }

    /// Bytes of control data that nobody has; the kernel takes some 20 KiB.
    private static var mostControl: Int { 1 << 30 }

    private static func aligned(_ length: Int) -> Int { (length + 7) & ~7 }

    private static var headLength: Int { (MemoryLayout<Operation>.size + 15) & ~15 }

    private var extra: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + Self.headLength }

    private static func allocate(extra: Int) -> Self? {
        malloc(headLength + extra)?.bindMemory(to: Operation.self, capacity: 1)
    }

    /// Gives the memory back; the lane does it for an operation that it completes.
    public func discard() { free(UnsafeMutableRawPointer(self)) }
}
