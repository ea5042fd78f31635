// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// The threads that work items run on, at PASSIVE_LEVEL. An item may block, so there is always a thread for the next
/// one, up to a limit; a thread that has had nothing to do for a while ends.
enum Workers {
    private static let mostThreads = 64
    private static let idleTime: Int64 = 5_000_000_000

    private struct State {
        var items = LIST_ENTRY()
        var count = 0
        var threads = 0
        var idle = 0
    }

    // Guarded by the mutex.
    nonisolated(unsafe) private static let state: UnsafeMutablePointer<State> = {
        let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
        state.initialize(to: State())
        InitializeListHead(head(state))
        _ = clinux_at_fork {
            Workers.mutex.reset()
            Workers.state.pointee.threads = 0
            Workers.state.pointee.idle = 0
        }
        return state
    }()
    private static let mutex = SystemMutex(WSK_MUTEX_WORKERS)
    private static let work = SystemCondition(WSK_CONDITION_WORKERS)

    private static func head(_ state: UnsafeMutablePointer<State>) -> PLIST_ENTRY {
        UnsafeMutableRawPointer(state).assumingMemoryBound(to: LIST_ENTRY.self)
    }

    static func queue(_ item: PWORK_QUEUE_ITEM) {
        mutex.lock()
        defer { mutex.unlock() }
        InsertTailList(head(state), UnsafeMutableRawPointer(item).assumingMemoryBound(to: LIST_ENTRY.self))
        state.pointee.count += 1
        if state.pointee.idle < state.pointee.count, state.pointee.threads < mostThreads {
            if wsk_start_helper({ _ in Workers.run() }, nil) == 0 {
                state.pointee.threads += 1
            } else if state.pointee.threads == 0 {
                Report.line("no thread can be started for work items")
            }
        }
        work.signal()
    }

    private static func run() {
        mutex.lock()
        while true {
            let first = head(state).pointee.Flink
            guard let first, first != head(state) else {
                state.pointee.idle += 1
                let hasWork = work.wait(mutex, until: clinux_monotonic() + idleTime)
                state.pointee.idle -= 1
                if hasWork || state.pointee.count > 0 { continue }
                break
            }
            _ = RemoveEntryList(first)
            state.pointee.count -= 1
            // The routine may free the item.
            var item = UnsafeMutableRawPointer(first).assumingMemoryBound(to: WORK_QUEUE_ITEM.self).pointee
            mutex.unlock()
            if item.WorkerRoutine != nil { wsk_call_worker(&item) }
            if KeGetCurrentIrql() != UInt8(PASSIVE_LEVEL) {
                wsk_trap("work item", "the routine returned above PASSIVE_LEVEL", nil)
            }
            mutex.lock()
        }
        state.pointee.threads -= 1
        mutex.unlock()
    }
}

/// Queues a work item.
@c @implementation
public func ExQueueWorkItem(_ item: PWORK_QUEUE_ITEM?, _ type: WORK_QUEUE_TYPE) {
    if let item { Workers.queue(item) }
}

/// IoAllocateWorkItem.
@c @implementation
public func wsk_allocate_work_item(
    _ object: UnsafeMutableRawPointer?,
    _ caller: UnsafeRawPointer?
) -> PIO_WORKITEM? {
    let size = MemoryLayout<_IO_WORKITEM>.size
    let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_WORK_ITEM), isZeroed: true, maker: caller)
    let item = memory?.bindMemory(to: _IO_WORKITEM.self, capacity: 1)
    item?.pointee.object = object
    return item
}

/// Frees a work item; its routine may do so itself.
@c @implementation
public func IoFreeWorkItem(_ item: PIO_WORKITEM?) {
    guard let item else { return }
    Ledger.free(UnsafeMutableRawPointer(item), kind: Int(WSK_OBJECT_WORK_ITEM), "IoFreeWorkItem", nil)
}

/// How many bytes a work item takes.
@c @implementation
public func IoSizeofWorkItem() -> UInt32 {
    UInt32(MemoryLayout<_IO_WORKITEM>.size)
}

/// Prepares a work item in the caller's memory.
@c @implementation
public func IoInitializeWorkItem(_ object: UnsafeMutableRawPointer?, _ item: PIO_WORKITEM?) {
    guard let item else { return }
    item.pointee = _IO_WORKITEM()
    item.pointee.object = object
}

/// Ends such a work item.
@c @implementation
public func IoUninitializeWorkItem(_ item: PIO_WORKITEM?) {}

/// Queues a work item's routine.
@c @implementation
public func IoQueueWorkItem(
    _ item: PIO_WORKITEM?,
    _ routine: PIO_WORKITEM_ROUTINE?,
    _ type: WORK_QUEUE_TYPE,
    _ context: UnsafeMutableRawPointer?
) {
    queue(item, routine, nil, context)
}

/// Queues a work item's routine, which gets the item as well.
@c @implementation
public func IoQueueWorkItemEx(
    _ item: PIO_WORKITEM?,
    _ routine: PIO_WORKITEM_ROUTINE_EX?,
    _ type: WORK_QUEUE_TYPE,
    _ context: UnsafeMutableRawPointer?
) {
    queue(item, nil, routine, context)
}

/// Queues the one of the routines that is given.
private func queue(
    _ item: PIO_WORKITEM?,
    _ routine: PIO_WORKITEM_ROUTINE?,
    _ routineEx: PIO_WORKITEM_ROUTINE_EX?,
    _ context: UnsafeMutableRawPointer?
) {
    guard let item else { return }
    item.pointee.routine = routine
    item.pointee.routine_ex = routineEx
    item.pointee.context = context
    item.pointee.item.WorkerRoutine = { parameter in
        guard let copy = parameter?.assumingMemoryBound(to: _IO_WORKITEM.self).pointee else { return }
        let item = parameter?.assumingMemoryBound(to: _IO_WORKITEM.self)
        copy.routine?(copy.object?.assumingMemoryBound(to: DEVICE_OBJECT.self), copy.context)
        copy.routine_ex?(copy.object, copy.context, item)
    }
    item.pointee.item.Parameter = UnsafeMutableRawPointer(item)
    Workers.queue(UnsafeMutableRawPointer(item).assumingMemoryBound(to: WORK_QUEUE_ITEM.self))
}
