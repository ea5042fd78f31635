import Glibc

/// The other end of a connection, on a thread and a processor of its own. It does what a few bytes ahead of each run
/// ask for: sends single bytes back, or takes what comes and says when it has all.
struct Peer {
    enum Task: UInt8 {
        case echo
        case take
    }

    /// What goes ahead of a run: the task, and how many bytes follow.
    static let requestSize = 9
    static let blockSize = 65_536

    /// Starts the thread. It ends when the connection does.
    static func start<Far: Link>(_ far: @escaping @Sendable () throws -> Far) throws {
        _ = try PinnedThread(on: 0) {
            do {
                let link = try far()
                defer { link.close() }
                try serve(link)
            } catch {
                // The near end sees the connection end, and says so.
            }
        }
    }

    private static func serve(_ link: some Link) throws {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: blockSize, alignment: 64)
        defer { room.deallocate() }
        let head = UnsafeMutableRawBufferPointer(rebasing: room[..<requestSize])
        let byte = UnsafeMutableRawBufferPointer(rebasing: room[..<1])
        while true {
            try link.receiveAll(into: head)
            let task = Task(rawValue: head[0])
            var rest = Int(head.loadUnaligned(fromByteOffset: 1, as: Int64.self))
            try link.send(UnsafeRawBufferPointer(byte))
            switch task {
            case .echo:
                while rest > 0 {
                    _ = try link.receive(into: byte)
                    try link.send(UnsafeRawBufferPointer(byte))
                    rest -= 1
                }
            case .take:
                while rest > 0 { rest -= try link.receive(into: room) }
                try link.send(UnsafeRawBufferPointer(byte))
            case nil:
                return
            }
        }
    }
}
