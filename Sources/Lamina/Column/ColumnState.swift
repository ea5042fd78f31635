import CLamina
import CLinux
import Glibc

/// What the framework keeps of a column beside its slots: for opening, binding and closing, never on the call path.
final class ColumnState: @unchecked Sendable {
    // Changed by one thread at a time: the one that opens, then the one that binds (under `binding`), then the one
    // that closes.
    let chain: Chain
    /// Where its completions, indications and deadlines run, for its whole life.
    let loop: EngineLoop
    /// How many of the chain's levels stand above this column.
    let start: Int
    let column: Column
    let levelCount: Int
    let family: Int32
    let type: Int32
    let proto: Int32
    let category: UInt32
    let origin: OriginStorage
    /// The column whose terminating level opened this one.
    var opener: ColumnState?
    /// The levels that the conditions let in, those of them that are linked, and those that were opened, bit 1 for level 1.
    /// What is let in and isn't linked is switched off.
    var wanted: UInt64 = 0
    var active: UInt64 = 0
    var opened: UInt64 = 0
    /// Whether calls wait at the gate. Guarded by the chain's `binding`.
    var isFrozen = false
    /// Whether a program has its handle: it was opened or accepted, and no level opened it. Changed by atomic operations.
    var isGivenOut: UInt32 = 0
    /// Holds calls back while the socket is frozen; nil until it first was. Guarded by the chain's `binding`.
    var gate: HandoffGate?
    /// Carries what crosses a descriptor that leads through the chain. Guarded by the chain's `binding`.
    var pump: DescriptorPump?
    /// Whether there is one; changed by atomic operations, before the descriptor is given out.
    var hasPump: UInt32 = 0
    /// Whether levels still wait for a destination to decide their conditions. Guarded by the chain's `binding`.
    var waits = false

    var slots: Slot { ColumnPool.slots(column) }
    var handle: lamina_socket { lamina_socket_of(slots) }
    var base: Slot { slots + levelCount }

    init?(
        chain: Chain,
        start: Int,
        category: UInt32,
        family: Int32,
        type: Int32,
        proto: Int32,
        origin: OriginStorage,
        loop: EngineLoop? = nil
    ) {
        self.chain = chain
        self.start = start
        self.category = category
        self.family = family
        self.type = type
        self.proto = proto
        self.origin = origin
        levelCount = chain.levelCount(from: start)
        guard let column = ColumnPool.take(slotCount: levelCount + 1) else { return nil }
        self.column = column
        if let loop {
            loop.addSocket()
            self.loop = loop
        } else {
            self.loop = chain.engine.addSocket()
        }
        column.pointee.upcalls = Upcalls.table
        column.pointee.instances = chain.slots + start
        column.pointee.origin = UnsafePointer(origin.pointer)
        column.pointee.levels = UInt32(levelCount)
        column.pointee.category = category
        column.pointee.serial = ColumnPool.nextSerial()
        column.pointee.chain = Unmanaged.passUnretained(chain).toOpaque()
        column.pointee.engine = Unmanaged.passUnretained(self.loop).toOpaque()
        column.pointee.framework.0 = Unmanaged.passRetained(self).toOpaque()
        for level in 0...levelCount {
            slots[level].column = column
            slots[level].level = UInt32(level)
        }
        ColumnPool.add(column)
    }

    deinit {
        loop.removeSocket()
    }

    /// Whether the process has forked since, and the chain can't be shared, or the socket has moved to another process:
    /// every call answers ESTALE, and close only gives the handle up.
    var isStale: Bool { clinux_load_u32(&stale) != 0 }

    // Changed by atomic operations.
    private var stale: UInt32 = 0

    func markStale() { clinux_store_u32(&stale, 1) }

    /// In a child process.
    func beginChild() {
        pump?.beginChild()
        guard !chain.isShareable else {
            // What was frozen is so in the parent.
            if gate != nil, !isStale { thawInChild() }
            return
        }
        markStale()
        LinkSet.stale.write(to: slots)
    }

    /// Links the levels of `wanted` that are switched on into a column that nobody calls yet.
    func link(_ wanted: UInt64, waits: Bool) {
        chain.binding.withLock { _ in
            self.wanted = wanted
            active = wanted & ~chain.off(from: start)
            chain.links(LinkShape(start: start, category: category, active: active, waits: waits)).write(to: slots)
        }
    }

    /// Links the levels of `active` instead, while calls may be under way.
    func relink(_ active: UInt64, waits: Bool) {
        self.active = active
        links(waits: waits).rewrite(slots)
    }

    /// The links of the levels that are linked now, whoever calls through them.
    var links: LinkSet { links(waits: false) }

    private func links(waits: Bool) -> LinkSet {
        var shape = LinkShape(start: start, category: category, active: active, waits: waits)
        shape.isFrozen = isFrozen
        return chain.links(shape)
    }

    /// Whether a terminating level stands above or at its end: the columns of one socket run on one loop.
    var isPart: Bool { column.pointee.above != nil || start + levelCount < chain.instanceCount }

    /// Gives the memory back. The generation is even by now.
    func free() {
        let retained = column.pointee.framework.0
        ColumnPool.give(column, slotCount: levelCount + 1)
        if let retained { Unmanaged<ColumnState>.fromOpaque(retained).release() }
    }

    /// The instance of a level.
    func instance(at slot: UnsafePointer<lamina_slot>) -> Instance? {
        chain.instance(start + Int(slot.pointee.level))
    }

    // MARK: - From a slot

    static func of(_ slot: UnsafePointer<lamina_slot>) -> ColumnState {
        // Every column has its state from before its first call until after its last.
        Unmanaged<ColumnState>.fromOpaque(slot.pointee.column.pointee.framework.0.unsafelyUnwrapped)
            .takeUnretainedValue()
    }

    static func loop(of slot: UnsafePointer<lamina_slot>) -> EngineLoop {
        Unmanaged<EngineLoop>.fromOpaque(slot.pointee.column.pointee.engine.unsafelyUnwrapped).takeUnretainedValue()
    }

    /// The label of a slot's level, which lives for good.
    static func label(of slot: UnsafePointer<lamina_slot>) -> UnsafePointer<CChar> {
        guard let instances = slot.pointee.column.pointee.instances else { return Labels.application }
        guard slot.pointee.level > 0 else { return Labels.application }
        let label = instances[Int(slot.pointee.level)].reserved.0
        return UnsafePointer<CChar>(bitPattern: UInt(label)) ?? Labels.application
    }
}

/// Labels as C strings that live for good: requests carry them.
enum Labels {
    private struct Table { var entries: [String: UInt] = [:] }
    private static let table = Locked(Table())

    /// What stands for slot 0.
    nonisolated(unsafe) static let application = text("application")

    static func text(_ label: String) -> UnsafePointer<CChar> {
        let address = table.withLock { table in
            if let known = table.entries[label] { return known }
            let bytes = label.utf8CString
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            for (index, byte) in bytes.enumerated() { copy[index] = byte }
            let address = UInt(bitPattern: copy)
            table.entries[label] = address
            return address
        }
        return UnsafePointer(bitPattern: address).unsafelyUnwrapped
    }
}
