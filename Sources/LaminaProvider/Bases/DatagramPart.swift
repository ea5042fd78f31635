import CLamina
import Glibc

/// What a datagram socket of a base in Swift has beside the others.
struct DatagramPart {
    /// The only one that it takes datagrams from, and where those go that name no destination; of form none for anybody and
    /// nowhere. Guarded by the group's lock, like `sendTo`.
    var remote = lamina_address()
    /// Where datagrams go that name no destination, before `remote`.
    var sendTo = lamina_address()
    /// What was peeked at. Inside the input lane.
    var kept: KeptDatagram?

    /// A datagram that was taken out of the transport, and stays for the next receive.
    struct KeptDatagram {
        let memory: UnsafeMutableRawPointer
        let arrival: DatagramArrival
    }
}

/// What is known of a datagram that has come.
struct DatagramArrival {
    /// Those that were moved.
    let bytes: Int
    let sender: Address?
    let isTruncated: Bool
}

extension UnsafeMutablePointer<DatagramPart> {
    /// The part of a socket that has just been opened. Nil: no memory.
    static func make() -> Self? {
        guard let memory = malloc(MemoryLayout<DatagramPart>.size) else { return nil }
        let part = memory.bindMemory(to: DatagramPart.self, capacity: 1)
        part.initialize(to: DatagramPart())
        return part
    }

    /// Forgets what was kept.
    func dropKept() {
        free(pointee.kept?.memory)
        pointee.kept = nil
    }

    func destroy() {
        dropKept()
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }
}
