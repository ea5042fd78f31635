import CLamina
import CLinux
import Glibc

/// How much of one socket's indicated data is retained. It outlives the socket until the last node has been released.
struct Retention {
    var mutex = pthread_mutex_t()
    /// Nodes that are held, and one for the socket.
    var references: UInt32 = 1
    var bytes = 0
    /// Nothing more is indicated until a half of the budget has been released.
    var isFull: UInt32 = 0
    /// Nil once the socket is gone.
    var indicator: UnsafeMutablePointer<Indicator>?

    /// Bytes that a client may retain of one socket, besides what one indication brings.
    static let budget = 1 << 20
}

extension UnsafeMutablePointer<Retention> {
    /// For the socket of `indicator`. Nil: no memory.
    static func make(_ indicator: UnsafeMutablePointer<Indicator>) -> Self? {
        guard let memory = malloc(MemoryLayout<Retention>.size) else { return nil }
        let retention = memory.bindMemory(to: Retention.self, capacity: 1)
        retention.initialize(to: Retention(indicator: indicator))
        pthread_mutex_init(retention.field(\.mutex), nil)
        return retention
    }

    /// Whether more may be indicated.
    var isFull: Bool { clinux_load_u32(field(\.isFull)) != 0 }

    /// A node is about to be indicated: counted as held, since the client may release it before its answer is seen.
    /// Whether nodes should come back soon.
    func hold(_ bytes: Int) -> Bool {
        pthread_mutex_lock(field(\.mutex))
        defer { pthread_mutex_unlock(field(\.mutex)) }
        field(\.references).pointee += 1
        field(\.bytes).pointee += bytes
        if pointee.bytes > Retention.budget { clinux_store_u32(field(\.isFull), 1) }
        return pointee.bytes > Retention.budget / 2
    }

    /// A node comes back, on any thread.
    func release(_ bytes: Int) {
        pthread_mutex_lock(field(\.mutex))
        field(\.bytes).pointee -= bytes
        field(\.references).pointee -= 1
        let isLast = pointee.references == 0
        if pointee.isFull != 0, pointee.bytes <= Retention.budget / 2 {
            clinux_store_u32(field(\.isFull), 0)
            pointee.indicator?.schedule()
        }
        pthread_mutex_unlock(field(\.mutex))
        if isLast { destroy() }
    }

    /// The socket is gone.
    func leave() {
        pthread_mutex_lock(field(\.mutex))
        pointee.indicator = nil
        field(\.references).pointee -= 1
        let isLast = pointee.references == 0
        pthread_mutex_unlock(field(\.mutex))
        if isLast { destroy() }
    }

    private func destroy() {
        pthread_mutex_destroy(field(\.mutex))
        free(UnsafeMutableRawPointer(self))
    }
}
