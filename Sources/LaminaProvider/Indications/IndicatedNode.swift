public import CLamina
import CLinux
import Glibc

/// A node of indicated data with what its owner must know of it. In its slab it is followed by a datagram's address and
/// ancillary data, and by the bytes.
struct IndicatedNode {
    /// First, so that its address is this struct's.
    var data: lamina_data
    let slab: UnsafeMutablePointer<Slab>
    let retention: UnsafeMutablePointer<Retention>
    /// What it counts for.
    let length: Int

    private static let head = MemoryLayout<IndicatedNode>.stride
    private static let addressRoom = (MemoryLayout<lamina_address>.stride + 15) & ~15
    private static let controlRoom = 256
    private static let longestRead = 64 << 10

    private static func prefix(isDatagram: Bool) -> Int { head + (isDatagram ? addressRoom + controlRoom : 0) }

    /// Where a base may read the next node's bytes to.
    static func room(in slab: UnsafeMutablePointer<Slab>, isDatagram: Bool) -> IndicationRoom {
        let place = slab.place
        let prefix = prefix(isDatagram: isDatagram)
        let address = isDatagram ? (place + head).assumingMemoryBound(to: lamina_address.self) : nil
        address?.initialize(to: lamina_address())
        return IndicationRoom(
            bytes: place + prefix,
            capacity: min(slab.room - prefix, longestRead),
            address: address,
            control: isDatagram ? place + head + addressRoom : nil,
            controlLength: isDatagram ? controlRoom : 0
        )
    }

    /// The node of `received` bytes that were read to `room`, which is the slab's next place. It is the client's to
    /// retain from now on, and counted as retained until it is given back.
    static func make(
        in slab: UnsafeMutablePointer<Slab>,
        _ room: IndicationRoom,
        _ received: Int,
        _ retention: UnsafeMutablePointer<Retention>
    ) -> UnsafeMutablePointer<IndicatedNode> {
        let length = min(received, room.capacity)
        let node = slab.place.bindMemory(to: IndicatedNode.self, capacity: 1)
        var data = lamina_data()
        data.buffer = lamina_buffer(base: room.bytes, length: length)
        if let address = room.address, address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) {
            data.address = UnsafePointer(address)
        }
        if room.controlLength > 0 { data.control = UnsafeRawPointer(room.control) }
        data.control_length = room.controlLength
        data.flags = room.flags
        if retention.hold(length) { data.flags |= UInt32(LAMINA_MESSAGE_RELEASE_SOON) }
        data.owner = { node, _ in
            UnsafeMutableRawPointer(node).assumingMemoryBound(to: IndicatedNode.self).giveBack()
        }
        node.initialize(to: IndicatedNode(data: data, slab: slab, retention: retention, length: length))
        slab.take(room.bytes + length - UnsafeMutableRawPointer(node))
        return node
    }

    /// Gives a whole list back.
    static func giveBack(_ first: UnsafeMutablePointer<lamina_data>) {
        var next: UnsafeMutablePointer<lamina_data>? = first
        while let node = next {
            next = node.pointee.next
            node.pointee.owner?(node, node.pointee.owner_context)
        }
    }
}

extension UnsafeMutablePointer<IndicatedNode> {
    /// The node as clients see it.
    var data: UnsafeMutablePointer<lamina_data> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: lamina_data.self)
    }

    /// Takes bytes off the front.
    func advance(by count: Int) {
        pointee.data.buffer.base = pointee.data.buffer.base.map { $0 + count }
        pointee.data.buffer.length -= count
    }

    /// Gives its memory back, on any thread.
    func giveBack() {
        let (slab, retention, length) = (pointee.slab, pointee.retention, pointee.length)
        slab.release()
        retention.release(length)
    }
}

/// The entry `release`, for every base: each node goes to the owner that is written in it.
public func releaseNodes(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ nodes: UnsafeMutablePointer<lamina_data>,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    IndicatedNode.giveBack(nodes)
    return lamina_complete(slot, request, 0, 0)
}
