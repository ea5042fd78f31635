import CLamina
import CLinux
import Glibc

/// Every thread that has entered a socket. Close reads their marks.
enum Threads {
    private static let known = Locked<[UnsafeMutablePointer<lamina_thread>]>([])

    /// Makes `lamina_enter` work. Done once, before the first socket.
    static let start: Void = {
        lamina_set_enter_slowly { thread in
            if thread.pointee.registered == 0 {
                guard clinux_at_thread_exit({ Threads.forget($0) }, thread) == 0 else { return -ENOMEM }
                known.withLock { $0.append(thread) }
                thread.pointee.registered = 1
            }
            return thread.pointee.depth < UInt32(LAMINA_MARKS) ? 0 : -ELOOP
        }
        _ = clinux_at_fork {
            let own = lamina_this_thread()
            Threads.known.reset(to: own.pointee.registered == 0 ? [] : [own])
        }
    }()

    private static func forget(_ thread: UnsafeMutableRawPointer?) {
        known.withLock { threads in threads.removeAll { UnsafeMutableRawPointer($0) == thread } }
        thread?.assumingMemoryBound(to: lamina_thread.self).pointee.registered = 0
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
        let marks = UnsafeMutableRawPointer(thread) + (MemoryLayout<lamina_thread>.offset(of: \.marks) ?? 0)
        for index in 0..<Int(LAMINA_MARKS) {
            if clinux_load_pointer(marks + index * MemoryLayout<UnsafeRawPointer>.stride)
                == UnsafeMutableRawPointer(slot)
            {
                return true
            }
        }
        return false
    }
}
