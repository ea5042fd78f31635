import CLinux
import CWinsockKernel
import Glibc

/// What is alive: every pool block, IRP, MDL and so on, with the place where it was made.
enum Ledger {
    typealias Block = UnsafeMutablePointer<wsk_block>

    private struct State {
        var first: [Block?] = Array(repeating: nil, count: Int(WSK_OBJECT_COUNT))
        var serial: UInt64 = 0
    }

    // Guarded by the mutex.
    nonisolated(unsafe) private static let state: UnsafeMutablePointer<State> = {
        let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
        state.initialize(to: State())
        return state
    }()
    static let mutex = SystemMutex(WSK_MUTEX_LEDGER)

    /// The block before `memory`.
    static func block(of memory: UnsafeMutableRawPointer) -> Block {
        (memory - MemoryLayout<wsk_block>.size).assumingMemoryBound(to: wsk_block.self)
    }

    /// Memory of `size` bytes with a block before it. Nil: there is none, or a failure is forced.
    static func allocate(
        _ size: Int,
        kind: Int,
        tag: UInt32 = 0,
        isZeroed: Bool = false,
        maker: UnsafeRawPointer?
    ) -> UnsafeMutableRawPointer? {
        let head = MemoryLayout<wsk_block>.size
        guard size >= 0, size < Int.max / 2, !Force.failsAllocation() else { return nil }
        guard let memory = isZeroed ? calloc(1, size + head) : malloc(size + head) else { return nil }
        let block = memory.bindMemory(to: wsk_block.self, capacity: 1)
        block.pointee = wsk_block()
        block.pointee.kind = UInt32(kind)
        block.pointee.tag = tag
        block.pointee.size = UInt64(size)
        block.pointee.maker = maker
        enter(block)
        return memory + head
    }

    /// Enters a block that lies in memory of somebody else's.
    static func enter(_ block: Block) {
        block.pointee.serial = nextSerial()
        mutex.lock()
        block.pointee.magic = WSK_BLOCK_LIVE
        let kind = Int(block.pointee.kind)
        block.pointee.previous = nil
        block.pointee.next = state.pointee.first[kind]
        state.pointee.first[kind]?.pointee.previous = block
        state.pointee.first[kind] = block
        mutex.unlock()
    }

    /// Takes a block out. False: it isn't one of this kind, or was taken out before.
    static func leave(_ block: Block, kind: Int) -> Bool {
        mutex.lock()
        defer { mutex.unlock() }
        guard block.pointee.magic == WSK_BLOCK_LIVE, block.pointee.kind == UInt32(kind) else { return false }
        block.pointee.magic = WSK_BLOCK_FREED
        block.pointee.next?.pointee.previous = block.pointee.previous
        if let previous = block.pointee.previous {
            previous.pointee.next = block.pointee.next
        } else {
            state.pointee.first[kind] = block.pointee.next
        }
        return true
    }

    /// Frees what `allocate` gave; a trap where it didn't, or it was freed before.
    static func free(_ memory: UnsafeMutableRawPointer, kind: Int, _ function: String, _ caller: UnsafeRawPointer?) {
        guard UInt(bitPattern: memory) % 16 == 0, leave(block(of: memory), kind: kind) else {
            let isFreed = UInt(bitPattern: memory) % 16 == 0 && block(of: memory).pointee.magic == WSK_BLOCK_FREED
            return wsk_trap(function, isFreed ? "it was freed before" : "it was not allocated as such", caller)
        }
        Quarantine.give(UnsafeMutableRawPointer(block(of: memory)))
    }

    /// A number that is higher than that of all that there is.
    static func nextSerial() -> UInt64 {
        mutex.hold {
            state.pointee.serial += 1
            return state.pointee.serial
        }
    }

    /// How many blocks there are.
    static var count: Int {
        mutex.hold {
            var count = 0
            forEach { _ in count += 1 }
            return count
        }
    }

    /// One line for each block that `isMeant` means, by its serial and maker.
    static func report(_ isMeant: (UInt64, UnsafeRawPointer?) -> Bool) -> [String] {
        mutex.hold {
            var lines: [String] = []
            forEach { if isMeant($0.pointee.serial, $0.pointee.maker) { lines.append(describe($0)) } }
            return lines
        }
    }

    /// IRPs with which a client's requests are under way, of those that were allocated.
    static func requests(of client: Client) -> [PIRP] {
        mutex.hold {
            var found: [PIRP] = []
            forEach { block in
                guard block.pointee.kind == UInt32(WSK_OBJECT_IRP) else { return }
                let irp = UnsafeMutableRawPointer(block + 1).assumingMemoryBound(to: IRP.self)
                guard let operation = wsk_operation_of(irp),
                    clinux_load_u32(&operation.pointee.owner) == UInt32(WSK_OWNER_PROVIDER),
                    Submission.client(of: operation) === client
                else { return }
                found.append(irp)
            }
            return found
        }
    }

    private static func forEach(_ body: (Block) -> Void) {
        for first in state.pointee.first {
            var next = first
            while let block = next {
                body(block)
                next = block.pointee.next
            }
        }
    }

    private static let names = ["pool block", "IRP", "MDL", "work item", "device", "thread", "socket"]

    private static func describe(_ block: Block) -> String {
        let kind = Int(block.pointee.kind)
        var text = names[kind]
        if kind == WSK_OBJECT_POOL {
            text += " of \(block.pointee.size) bytes, tag '\(tagText(block.pointee.tag))'"
        }
        return "\(text), made at \(place(block.pointee.maker))"
    }

    private static func tagText(_ tag: UInt32) -> String {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: tag >> ($0 * 8)) }
        return String(decoding: bytes.map { (32..<127).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    static func place(_ address: UnsafeRawPointer?) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            wsk_describe_place(address, text.baseAddress, text.count)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
    }
}

/// Memory that was freed a while ago at most: a second free of it is seen for what it is. Under the address sanitizer,
/// which sees more, memory is freed at once.
private enum Quarantine {
    private static let capacity = 256
    private static let isUsed = wsk_checks() != 0 && wsk_has_address_sanitizer() == 0
    // Guarded by the mutex.
    nonisolated(unsafe) private static let ring: UnsafeMutablePointer<UnsafeMutableRawPointer?> = {
        let ring = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: capacity)
        ring.initialize(repeating: nil, count: capacity)
        return ring
    }()
    nonisolated(unsafe) private static var next = 0
    private static let mutex = SystemMutex(WSK_MUTEX_QUARANTINE)

    static func give(_ memory: UnsafeMutableRawPointer) {
        guard isUsed else { return Glibc.free(memory) }
        mutex.lock()
        let oldest = ring[next]
        ring[next] = memory
        next = (next + 1) % capacity
        mutex.unlock()
        Glibc.free(oldest)
    }
}
