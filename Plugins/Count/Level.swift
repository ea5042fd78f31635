import CLamina
import Glibc
import LaminaProvider
import Synchronization

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: the counters of all its sockets that have closed, and what it needs to print. It stands in raw memory
/// behind the instance's context, after its counters:
///
///     counters | Level
///
/// A socket's context is counters alone, so a slot of the chain's own column and one of a socket look the same.
struct Level: ~Copyable {
    let sockets = Atomic<UInt64>(0)
    let showsEach: Bool
    let label: UnsafePointer<CChar>
    let upcalls: UnsafePointer<lamina_upcalls>
    let slot: Slot

    /// The level of an instance's context.
    static func at(_ context: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Level> {
        (context + Counters.size).assumingMemoryBound(to: Level.self)
    }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let size = Counters.size + MemoryLayout<Level>.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: Counters.alignment)
        Counters.initialize(memory)
        (memory + Counters.size).bindMemory(to: Level.self, capacity: 1).initialize(
            to: Level(
                showsEach: InstanceSettings(arguments).number("each", default: 1) != 0,
                label: arguments.pointee.label,
                upcalls: arguments.pointee.upcalls,
                slot: arguments.pointee.slot
            )
        )
        made.pointee.effect = UInt32(LAMINA_EFFECT_OBSERVE)
        made.pointee.table = Calls.table
        made.pointee.indications = Events.indications
        made.pointee.context = memory
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        Report.total(Counters(memory: context), at(context))
        at(context).deinitialize(count: 1)
        context.deallocate()
    }
}

/// What a socket's part in the level does when it begins and ends.
enum SocketCounters {
    /// Gives the slot its counters. False where memory ran out.
    static func begin(_ slot: Slot) -> Bool {
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, Counters.alignment, Counters.size) == 0, let memory else { return false }
        Counters.initialize(memory)
        slot.pointee.context = memory
        return true
    }

    /// Adds the socket's counts to the level's and frees them.
    static func end(_ slot: Slot) {
        guard let memory = slot.pointee.context else { return }
        if let level = lamina_instance_context(slot) { Counters(memory: level).add(Counters(memory: memory)) }
        slot.pointee.context = nil
        free(memory)
    }
}
