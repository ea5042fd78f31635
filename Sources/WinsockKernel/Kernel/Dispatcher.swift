// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// Objects that threads wait for. One mutex guards them all: an object may lie in memory that is gone as soon as its
/// waiter has returned.
enum Dispatcher {
    typealias Header = UnsafeMutablePointer<DISPATCHER_HEADER>

    /// What `Type` in an object's header says.
    enum Kind: UInt8 {
        case notificationEvent = 0x71
        case synchronizationEvent, semaphore, mutant, notificationTimer, synchronizationTimer, thread
    }

    /// One thread's wait for one object.
    struct Block {
        var link = LIST_ENTRY()
        var object: Header
        var waiter: UnsafeMutablePointer<Waiter>
        var index: Int
    }

    /// A thread that waits.
    struct Waiter {
        var condition = pthread_cond_t()
        var blocks: UnsafeMutablePointer<Block>
        var count: Int
        var isForAll: Bool
        var thread: UnsafeMutableRawPointer?
        /// Which object ended the wait; nil while it lasts.
        var result: Int?
    }

    static let mutex = SystemMutex(WSK_MUTEX_DISPATCHER)

    static func initialize(_ header: Header, _ kind: Kind, _ state: Int32) {
        header.pointee.Type = kind.rawValue
        header.pointee.SignalState = state
        InitializeListHead(list(header))
    }

    static func header(_ object: UnsafeMutableRawPointer) -> Header {
        object.assumingMemoryBound(to: DISPATCHER_HEADER.self)
    }

    private static func list(_ header: Header) -> PLIST_ENTRY {
        header.place(\.WaitListHead)
    }

    /// Changes an object's state under the lock, wakes whom that lets go on, and answers the old state.
    static func change(_ object: UnsafeMutableRawPointer?, _ next: (Int32) -> Int32) -> Int32 {
        guard let object else { return 0 }
        mutex.lock()
        defer { mutex.unlock() }
        return changeLocked(header(object), next)
    }

    @discardableResult
    static func changeLocked(_ header: Header, _ next: (Int32) -> Int32) -> Int32 {
        let before = header.pointee.SignalState
        header.pointee.SignalState = next(before)
        if isSignaled(header, for: nil) { wake(header) }
        return before
    }

    static func read(_ object: UnsafeMutableRawPointer?) -> Int32 {
        guard let object else { return 0 }
        return mutex.hold { header(object).pointee.SignalState }
    }

    /// Whether a wait for the object would end. A mutex is free for the thread that has it.
    private static func isSignaled(_ header: Header, for thread: UnsafeMutableRawPointer?) -> Bool {
        if header.pointee.SignalState > 0 { return true }
        guard let thread, header.pointee.Type == Kind.mutant.rawValue else { return false }
        return mutant(header).pointee.Owner == thread
    }

    private static func mutant(_ header: Header) -> PKMUTANT {
        UnsafeMutableRawPointer(header).assumingMemoryBound(to: KMUTANT.self)
    }

    /// What the end of a wait does to the object.
    private static func consume(_ header: Header, by thread: UnsafeMutableRawPointer?) {
        switch Kind(rawValue: header.pointee.Type) {
        case .synchronizationEvent, .synchronizationTimer:
            header.pointee.SignalState = 0
        case .semaphore:
            header.pointee.SignalState -= 1
        case .mutant:
            header.pointee.SignalState = 0
            mutant(header).pointee.Owner = thread
            mutant(header).pointee.Depth += 1
        default:
            break
        }
    }

    private static func wake(_ header: Header) {
        let head = list(header)
        var link = head.pointee.Flink
        while let entry = link, entry != head, header.pointee.SignalState > 0 {
            link = entry.pointee.Flink
            let block = UnsafeMutableRawPointer(entry).assumingMemoryBound(to: Block.self)
            let waiter = block.pointee.waiter
            guard waiter.pointee.result == nil, let result = tryEnd(waiter, at: block.pointee.index) else { continue }
            waiter.pointee.result = result
            unlink(waiter)
            // The next entry may have been this waiter's, too.
            link = head.pointee.Flink
            pthread_cond_signal(waiter.place(\.condition))
        }
    }

    /// Ends a wait where its objects allow it, and answers which one did.
    private static func tryEnd(_ waiter: UnsafeMutablePointer<Waiter>, at first: Int) -> Int? {
        let blocks = UnsafeMutableBufferPointer(start: waiter.pointee.blocks, count: waiter.pointee.count)
        let thread = waiter.pointee.thread
        if waiter.pointee.isForAll {
            guard blocks.allSatisfy({ isSignaled($0.object, for: thread) }) else { return nil }
            for block in blocks { consume(block.object, by: thread) }
            return 0
        }
        guard isSignaled(blocks[first].object, for: thread) else { return nil }
        consume(blocks[first].object, by: thread)
        return first
    }

    private static func unlink(_ waiter: UnsafeMutablePointer<Waiter>) {
        for index in 0..<waiter.pointee.count {
            _ = RemoveEntryList(
                UnsafeMutableRawPointer(waiter.pointee.blocks + index).assumingMemoryBound(
                    to: LIST_ENTRY.self
                )
            )
        }
    }

    /// Waits; `deadline` is in nanoseconds of CLOCK_MONOTONIC, nil for none, 0 to ask only.
    static func wait(
        _ objects: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
        _ count: Int,
        isForAll: Bool,
        until deadline: Int64?
    ) -> NTSTATUS {
        withUnsafeTemporaryAllocation(of: Block.self, capacity: count) { blocks in
            withUnsafeTemporaryAllocation(of: Waiter.self, capacity: 1) { waiters in
                guard let waiter = waiters.baseAddress, let first = blocks.baseAddress else { return STATUS_NO_MEMORY }
                let thread = Threads.current
                waiter.initialize(to: Waiter(blocks: first, count: count, isForAll: isForAll, thread: thread))
                for index in 0..<count {
                    guard let object = objects[index] else { return STATUS_INVALID_PARAMETER }
                    (first + index).initialize(to: Block(object: header(object), waiter: waiter, index: index))
                }
                mutex.lock()
                defer { mutex.unlock() }
                for index in 0..<(isForAll ? 1 : count) {
                    if let result = tryEnd(waiter, at: index) { return NTSTATUS(result) }
                }
                if deadline == 0 { return STATUS_TIMEOUT }
                return sleep(waiter, until: deadline)
            }
        }
    }

    private static func sleep(_ waiter: UnsafeMutablePointer<Waiter>, until deadline: Int64?) -> NTSTATUS {
        let condition = waiter.place(\.condition)
        pthread_cond_init(condition, nil)
        defer { pthread_cond_destroy(condition) }
        for index in 0..<waiter.pointee.count {
            let block = waiter.pointee.blocks + index
            InsertTailList(
                list(block.pointee.object),
                UnsafeMutableRawPointer(block).assumingMemoryBound(to: LIST_ENTRY.self)
            )
        }
        while waiter.pointee.result == nil {
            guard let deadline else {
                pthread_cond_wait(condition, mutex.pointer)
                continue
            }
            let status = wsk_wait_until(condition, mutex.pointer, deadline)
            if status == ETIMEDOUT, waiter.pointee.result == nil {
                unlink(waiter)
                return STATUS_TIMEOUT
            }
        }
        return NTSTATUS(waiter.pointee.result ?? 0)
    }
}

/// Points in time as the kernel's functions take them.
enum KernelTime {
    /// System time at the beginning of Unix time, in units of 100 nanoseconds.
    private static let unixEpoch: Int64 = 116_444_736_000_000_000

    /// Now, in units of 100 nanoseconds since 1601.
    static var system: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return unixEpoch + Int64(now.tv_sec) * 10_000_000 + Int64(now.tv_nsec) / 100
    }

    /// The CLOCK_MONOTONIC nanoseconds of a due time: relative where it isn't positive, else system time.
    static func deadline(_ due: Int64) -> Int64 {
        let rest = due > 0 ? max(due - system, 0) : due == .min ? .max : -due
        let (nanoseconds, isFar) = rest.multipliedReportingOverflow(by: 100)
        let (when, isTooFar) = clinux_monotonic().addingReportingOverflow(nanoseconds)
        return isFar || isTooFar ? .max : when
    }
}

/// KeWaitForSingleObject and KeWaitForMultipleObjects.
@c @implementation
public func wsk_wait(
    _ count: UInt32,
    _ objects: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ type: WAIT_TYPE,
    _ timeout: PLARGE_INTEGER?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let objects, (1...UInt32(MAXIMUM_WAIT_OBJECTS)).contains(count) else { return STATUS_INVALID_PARAMETER }
    let due = timeout?.pointee.QuadPart
    if due != 0, KeGetCurrentIrql() >= UInt8(DISPATCH_LEVEL) {
        wsk_trap(
            "KeWaitForSingleObject",
            "a wait at DISPATCH_LEVEL deadlocks on Windows: the thread holds a spin lock, or is inside a completion "
                + "routine, an event callback or a DPC",
            caller
        )
    }
    for index in 0..<Int(count) {
        guard let object = objects[index],
            Dispatcher.Kind(rawValue: Dispatcher.header(object).pointee.Type) != nil
        else {
            wsk_trap("KeWaitForSingleObject", "the object was never initialized, or can't be waited for", caller)
            return STATUS_INVALID_PARAMETER
        }
    }
    return Dispatcher.wait(
        objects,
        Int(count),
        isForAll: count > 1 && type == WaitAll,
        until: due.map { $0 == 0 ? 0 : KernelTime.deadline($0) }
    )
}

/// KeDelayExecutionThread.
@c @implementation
public func wsk_delay(_ interval: PLARGE_INTEGER?, _ caller: UnsafeRawPointer?) -> NTSTATUS {
    guard let interval else { return STATUS_INVALID_PARAMETER }
    wsk_require_irql("KeDelayExecutionThread", UInt8(APC_LEVEL), caller)
    let deadline = KernelTime.deadline(interval.pointee.QuadPart)
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil) == EINTR {}
    return STATUS_SUCCESS
}
