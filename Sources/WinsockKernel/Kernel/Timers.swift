// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// The thread that rings timers and runs deferred procedure calls, at DISPATCH_LEVEL.
enum Clock {
    private struct State {
        var timers = LIST_ENTRY()
        var calls = LIST_ENTRY()
        var isStarted = false
        /// Calls that were queued, and calls that have returned.
        var queued: UInt64 = 0
        var done: UInt64 = 0
    }

    // Guarded by the dispatcher's mutex.
    nonisolated(unsafe) private static let state: UnsafeMutablePointer<State> = {
        let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
        state.initialize(to: State())
        InitializeListHead(timers(state))
        InitializeListHead(calls(state))
        _ = clinux_at_fork { Clock.state.pointee.isStarted = false }
        return state
    }()
    private static let change = SystemCondition(WSK_CONDITION_CLOCK)
    private static let progress = SystemCondition(WSK_CONDITION_CALLS)

    private static func timers(_ state: UnsafeMutablePointer<State>) -> PLIST_ENTRY {
        UnsafeMutableRawPointer(state).assumingMemoryBound(to: LIST_ENTRY.self)
    }

    private static func calls(_ state: UnsafeMutablePointer<State>) -> PLIST_ENTRY {
        timers(state) + 1
    }

    /// Under the lock: there is something new to do.
    private static func awaken() {
        if !state.pointee.isStarted {
            state.pointee.isStarted = wsk_start_helper({ _ in Clock.run() }, nil) == 0
            if !state.pointee.isStarted { Report.line("no thread can be started for timers and DPCs") }
        }
        change.signal()
    }

    // MARK: - Deferred procedure calls

    private static func link(_ call: PKDPC) -> PLIST_ENTRY {
        UnsafeMutableRawPointer(call).assumingMemoryBound(to: LIST_ENTRY.self)
    }

    static func queue(_ call: PKDPC, _ first: UnsafeMutableRawPointer?, _ second: UnsafeMutableRawPointer?) -> Bool {
        Dispatcher.mutex.hold { queueLocked(call, first, second) }
    }

    @discardableResult
    private static func queueLocked(
        _ call: PKDPC,
        _ first: UnsafeMutableRawPointer?,
        _ second: UnsafeMutableRawPointer?
    ) -> Bool {
        guard call.pointee.Queued == 0 else { return false }
        call.pointee.Queued = 1
        call.pointee.SystemArgument1 = first
        call.pointee.SystemArgument2 = second
        InsertTailList(calls(state), link(call))
        state.pointee.queued += 1
        awaken()
        return true
    }

    static func remove(_ call: PKDPC) -> Bool {
        Dispatcher.mutex.hold {
            guard call.pointee.Queued != 0 else { return false }
            call.pointee.Queued = 0
            _ = RemoveEntryList(link(call))
            state.pointee.done += 1
            progress.broadcast()
            return true
        }
    }

    /// Waits until what is queued now has run.
    static func flush() {
        Dispatcher.mutex.hold {
            let target = state.pointee.queued
            while state.pointee.done < target { progress.wait(Dispatcher.mutex) }
        }
    }

    // MARK: - Timers

    private static func link(_ timer: PKTIMER) -> PLIST_ENTRY {
        (UnsafeMutableRawPointer(timer) + (MemoryLayout<KTIMER>.offset(of: \.TimerListEntry) ?? 0))
            .assumingMemoryBound(to: LIST_ENTRY.self)
    }

    private static func timer(of link: PLIST_ENTRY) -> PKTIMER {
        (UnsafeMutableRawPointer(link) - (MemoryLayout<KTIMER>.offset(of: \.TimerListEntry) ?? 0))
            .assumingMemoryBound(to: KTIMER.self)
    }

    /// Sets a timer; answers whether it was set already.
    static func set(_ timer: PKTIMER, _ due: Int64, _ period: Int32, _ call: PKDPC?) -> Bool {
        Dispatcher.mutex.hold {
            let wasSet = takeOut(timer)
            timer.pointee.Header.SignalState = 0
            timer.pointee.Dpc = call
            timer.pointee.Period = max(period, 0)
            timer.pointee.DueTime = KernelTime.deadline(due)
            putIn(timer)
            awaken()
            return wasSet
        }
    }

    static func cancel(_ timer: PKTIMER) -> Bool {
        Dispatcher.mutex.hold { takeOut(timer) }
    }

    private static func takeOut(_ timer: PKTIMER) -> Bool {
        guard timer.pointee.Inserted != 0 else { return false }
        timer.pointee.Inserted = 0
        _ = RemoveEntryList(link(timer))
        return true
    }

    /// Puts the timer in the order of due times.
    private static func putIn(_ timer: PKTIMER) {
        timer.pointee.Inserted = 1
        let head = timers(state)
        var next = head.pointee.Flink
        while let link = next, link != head, Clock.timer(of: link).pointee.DueTime <= timer.pointee.DueTime {
            next = link.pointee.Flink
        }
        InsertTailList(next, link(timer))
    }

    /// Rings what is due; answers when the next timer is. Under the lock.
    private static func ring() -> Int64? {
        let head = timers(state)
        while let link = head.pointee.Flink, link != head {
            let timer = timer(of: link)
            let now = clinux_monotonic()
            guard timer.pointee.DueTime <= now else { return timer.pointee.DueTime }
            _ = takeOut(timer)
            if timer.pointee.Period > 0 {
                timer.pointee.DueTime = now + Int64(timer.pointee.Period) * 1_000_000
                putIn(timer)
            }
            if let call = timer.pointee.Dpc { queueLocked(call, nil, nil) }
            Dispatcher.changeLocked(Dispatcher.header(timer)) { _ in 1 }
        }
        return nil
    }

    private static func run() {
        _ = wsk_enter_dispatch()
        Dispatcher.mutex.lock()
        while true {
            let due = ring()
            let head = calls(state)
            guard let first = head.pointee.Flink, first != head else {
                change.wait(Dispatcher.mutex, until: due)
                continue
            }
            _ = RemoveEntryList(first)
            let call = UnsafeMutableRawPointer(first).assumingMemoryBound(to: KDPC.self)
            call.pointee.Queued = 0
            var copy = call.pointee
            Dispatcher.mutex.unlock()
            if copy.DeferredRoutine != nil { wsk_call_deferred(call, &copy) }
            Dispatcher.mutex.lock()
            state.pointee.done += 1
            progress.broadcast()
        }
    }
}

/// Prepares a deferred procedure call.
@c @implementation
public func KeInitializeDpc(_ call: PKDPC?, _ routine: PKDEFERRED_ROUTINE?, _ context: UnsafeMutableRawPointer?) {
    guard let call else { return }
    call.pointee = KDPC()
    call.pointee.DeferredRoutine = routine
    call.pointee.DeferredContext = context
}

/// Queues one; FALSE where it is queued already.
@c @implementation
public func KeInsertQueueDpc(
    _ call: PKDPC?,
    _ first: UnsafeMutableRawPointer?,
    _ second: UnsafeMutableRawPointer?
) -> UInt8 {
    call.map { Clock.queue($0, first, second) ? 1 : 0 } ?? 0
}

/// Takes one out of the queue; FALSE where it isn't there.
@c @implementation
public func KeRemoveQueueDpc(_ call: PKDPC?) -> UInt8 {
    call.map { Clock.remove($0) ? 1 : 0 } ?? 0
}

/// Waits until every queued one has run.
@c @implementation
public func KeFlushQueuedDpcs() {
    wsk_require_irql("KeFlushQueuedDpcs", UInt8(PASSIVE_LEVEL), nil)
    Clock.flush()
}

/// Prepares a timer that lets all waiters go on.
@c @implementation
public func KeInitializeTimer(_ timer: PKTIMER?) {
    KeInitializeTimerEx(timer, NotificationTimer)
}

/// Prepares a timer.
@c @implementation
public func KeInitializeTimerEx(_ timer: PKTIMER?, _ type: TIMER_TYPE) {
    guard let timer else { return }
    timer.pointee = KTIMER()
    let kind: Dispatcher.Kind = type == NotificationTimer ? .notificationTimer : .synchronizationTimer
    Dispatcher.initialize(Dispatcher.header(timer), kind, 0)
}

/// Sets a timer; answers whether it was set already.
@c @implementation
public func KeSetTimer(_ timer: PKTIMER?, _ due: LARGE_INTEGER, _ call: PKDPC?) -> UInt8 {
    timer.map { Clock.set($0, due.QuadPart, 0, call) ? 1 : 0 } ?? 0
}

/// Sets a timer that may ring again and again.
@c @implementation
public func KeSetTimerEx(_ timer: PKTIMER?, _ due: LARGE_INTEGER, _ period: Int32, _ call: PKDPC?) -> UInt8 {
    timer.map { Clock.set($0, due.QuadPart, period, call) ? 1 : 0 } ?? 0
}

/// The same; the delay that may be added is not used.
@c @implementation
public func KeSetCoalescableTimer(
    _ timer: PKTIMER?,
    _ due: LARGE_INTEGER,
    _ period: UInt32,
    _ delay: UInt32,
    _ call: PKDPC?
) -> UInt8 {
    timer.map { Clock.set($0, due.QuadPart, Int32(clamping: period), call) ? 1 : 0 } ?? 0
}

/// Stops a timer; answers whether it was set.
@c @implementation
public func KeCancelTimer(_ timer: PKTIMER?) -> UInt8 {
    timer.map { Clock.cancel($0) ? 1 : 0 } ?? 0
}

/// Whether a timer has rung.
@c @implementation
public func KeReadStateTimer(_ timer: PKTIMER?) -> UInt8 {
    Dispatcher.read(timer) > 0 ? 1 : 0
}
