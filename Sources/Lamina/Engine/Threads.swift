import CLamina
import CLinux
import Glibc

/// Every thread that has entered a socket. Close reads their marks.
enum Threads {
    private static let known = Locked<[UnsafeMutablePointer<lamina_thread>]>([])

    /// Makes `lamina_enter` work. Done once, before the first socket.
    static let start: Void = {
        lamina_set_enter_slowly { thread in
            guard clinux_at_thread_exit({ Threads.forget($0) }, thread) == 0 else { return -ENOMEM }
            known.withLock { $0.append(thread) }
            lamina_thread_set_known(thread, 1)
            return 0
        }
        _ = Fork.start
    }()

    /// Of a child process's threads there is this one.
    static func beginChild() {
        let own = lamina_this_thread()
        known.withLock { $0 = lamina_thread_is_known(own) != 0 ? [own] : [] }
    }

    private static func forget(_ thread: UnsafeMutableRawPointer?) {
        known.withLock { threads in threads.removeAll { UnsafeMutableRawPointer($0) == thread } }
        if let thread { lamina_thread_set_known(thread.assumingMemoryBound(to: lamina_thread.self), 0) }
    }

    /// Who is inside a socket.
    struct Presence {
        var isSelfInside = false
        var areOthersInside = false
    }

    /// Which threads are inside the socket whose slot 0 this is. True only after `clinux_barrier`.
    static func presence(in slot: Slot) -> Presence {
        let own = lamina_this_thread()
        return known.withLock { threads in
            var presence = Presence()
            for thread in threads where isInside(slot, thread) {
                if thread == own { presence.isSelfInside = true } else { presence.areOthersInside = true }
            }
            return presence
        }
    }

    private static func isInside(_ slot: Slot, _ thread: UnsafeMutablePointer<lamina_thread>) -> Bool {
        let memory = UnsafeRawPointer(thread)
        if isMark(memory + (MemoryLayout<lamina_thread>.offset(of: \.mark) ?? 0), of: slot) { return true }
        let nested = memory + (MemoryLayout<lamina_thread>.offset(of: \.nested) ?? 0)
        return (0..<Int(LAMINA_MARKS)).contains { index in
            isMark(nested + index * MemoryLayout<UnsafeRawPointer>.stride, of: slot)
        }
    }

    private static func isMark(_ address: UnsafeRawPointer, of slot: Slot) -> Bool {
        clinux_load_pointer(address) == UnsafeMutableRawPointer(slot)
    }
}
