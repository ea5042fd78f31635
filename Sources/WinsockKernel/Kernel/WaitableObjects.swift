// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CWinsockKernel
import Glibc

// Events, semaphores and mutexes.

/// Prepares an event.
@c @implementation
public func KeInitializeEvent(_ event: PKEVENT?, _ type: EVENT_TYPE, _ state: UInt8) {
    guard let event else { return }
    let kind: Dispatcher.Kind = type == NotificationEvent ? .notificationEvent : .synchronizationEvent
    Dispatcher.initialize(Dispatcher.header(event), kind, state != 0 ? 1 : 0)
}

/// Signals an event; answers whether it was signaled.
@c @implementation
public func KeSetEvent(_ event: PKEVENT?, _ increment: KPRIORITY, _ wait: UInt8) -> Int32 {
    Dispatcher.change(event) { _ in 1 }
}

/// Takes an event's signal back; answers whether it was signaled.
@c @implementation
public func KeResetEvent(_ event: PKEVENT?) -> Int32 {
    Dispatcher.change(event) { _ in 0 }
}

/// Takes an event's signal back.
@c @implementation
public func KeClearEvent(_ event: PKEVENT?) {
    _ = Dispatcher.change(event) { _ in 0 }
}

/// Whether an event is signaled.
@c @implementation
public func KeReadStateEvent(_ event: PKEVENT?) -> Int32 {
    Dispatcher.read(event)
}

/// Prepares a semaphore.
@c @implementation
public func KeInitializeSemaphore(_ semaphore: PKSEMAPHORE?, _ count: Int32, _ limit: Int32) {
    guard let semaphore else { return }
    Dispatcher.initialize(Dispatcher.header(semaphore), .semaphore, count)
    semaphore.pointee.Limit = limit
}

/// Adds to a semaphore; answers its count before. Beyond its limit the count stays.
@c @implementation
public func KeReleaseSemaphore(
    _ semaphore: PKSEMAPHORE?,
    _ increment: KPRIORITY,
    _ adjustment: Int32,
    _ wait: UInt8
) -> Int32 {
    guard let semaphore else { return 0 }
    let limit = semaphore.pointee.Limit
    return Dispatcher.change(semaphore) { $0 + min(adjustment, limit - $0) }
}

/// A semaphore's count.
@c @implementation
public func KeReadStateSemaphore(_ semaphore: PKSEMAPHORE?) -> Int32 {
    Dispatcher.read(semaphore)
}

/// Prepares a mutex, which nobody has.
@c @implementation
public func KeInitializeMutex(_ mutex: PKMUTEX?, _ level: UInt32) {
    guard let mutex else { return }
    Dispatcher.initialize(Dispatcher.header(mutex), .mutant, 1)
    mutex.pointee.Owner = nil
    mutex.pointee.Depth = 0
}

/// Lets go of a mutex that this thread has.
@c @implementation
public func KeReleaseMutex(_ mutex: PKMUTEX?, _ wait: UInt8) -> Int32 {
    guard let mutex else { return 0 }
    Dispatcher.mutex.lock()
    defer { Dispatcher.mutex.unlock() }
    guard mutex.pointee.Owner == Threads.current else {
        wsk_trap("KeReleaseMutex", "this thread doesn't have the mutex", nil)
        return 0
    }
    mutex.pointee.Depth -= 1
    guard mutex.pointee.Depth == 0 else { return 0 }
    mutex.pointee.Owner = nil
    return Dispatcher.changeLocked(Dispatcher.header(mutex)) { _ in 1 }
}

/// Whether a mutex is free.
@c @implementation
public func KeReadStateMutex(_ mutex: PKMUTEX?) -> Int32 {
    Dispatcher.read(mutex)
}

// Locks that a thread waits for.

/// Waits for one event for as long as it takes.
func waitFor(_ event: PKEVENT, _ function: String) {
    wsk_require_irql(function, UInt8(APC_LEVEL), nil)
    var object: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(event)
    _ = Dispatcher.wait(&object, 1, isForAll: false, until: nil)
}

private func event(of mutex: PFAST_MUTEX) -> PKEVENT {
    UnsafeMutableRawPointer(mutex).assumingMemoryBound(to: KEVENT.self)
}

/// Prepares a fast mutex.
@c @implementation
public func ExInitializeFastMutex(_ mutex: PFAST_MUTEX?) {
    guard let mutex else { return }
    KeInitializeEvent(event(of: mutex), SynchronizationEvent, 1)
    mutex.pointee.Owner = nil
}

/// Takes a fast mutex and raises to APC_LEVEL.
@c @implementation
public func ExAcquireFastMutex(_ mutex: PFAST_MUTEX?) {
    guard let mutex else { return }
    if mutex.pointee.Owner == Threads.current {
        wsk_trap("ExAcquireFastMutex", "this thread has the mutex already, and would wait for good", nil)
    }
    waitFor(event(of: mutex), "ExAcquireFastMutex")
    own(mutex)
}

/// Takes a fast mutex where it is free.
@c @implementation
public func ExTryToAcquireFastMutex(_ mutex: PFAST_MUTEX?) -> UInt8 {
    guard let mutex else { return 0 }
    var object: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(mutex)
    guard Dispatcher.wait(&object, 1, isForAll: false, until: 0) == STATUS_SUCCESS else { return 0 }
    own(mutex)
    return 1
}

private func own(_ mutex: PFAST_MUTEX) {
    mutex.pointee.Owner = Threads.current
    mutex.pointee.OldIrql = KfRaiseIrql(max(KeGetCurrentIrql(), UInt8(APC_LEVEL)))
}

/// Lets go of a fast mutex.
@c @implementation
public func ExReleaseFastMutex(_ mutex: PFAST_MUTEX?) {
    guard let mutex else { return }
    let level = mutex.pointee.OldIrql
    mutex.pointee.Owner = nil
    _ = KeSetEvent(event(of: mutex), 0, 0)
    KeLowerIrql(level)
}

private func event(of resource: PERESOURCE) -> PKEVENT {
    UnsafeMutableRawPointer(resource).assumingMemoryBound(to: KEVENT.self)
}

/// Prepares a lock for one writer or many readers.
@c @implementation
public func ExInitializeResourceLite(_ resource: PERESOURCE?) -> NTSTATUS {
    guard let resource else { return STATUS_INVALID_PARAMETER }
    KeInitializeEvent(event(of: resource), NotificationEvent, 0)
    resource.pointee.Readers = 0
    resource.pointee.Depth = 0
    resource.pointee.Writer = nil
    return STATUS_SUCCESS
}

/// Ends such a lock.
@c @implementation
public func ExDeleteResourceLite(_ resource: PERESOURCE?) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Takes it as its writer.
@c @implementation
public func ExAcquireResourceExclusiveLite(_ resource: PERESOURCE?, _ wait: UInt8) -> UInt8 {
    acquire(resource, wait) { resource, thread in
        if resource.pointee.Writer == thread {
            resource.pointee.Depth += 1
            return true
        }
        guard resource.pointee.Writer == nil, resource.pointee.Readers == 0 else { return false }
        resource.pointee.Writer = thread
        resource.pointee.Depth = 1
        return true
    }
}

/// Takes it as a reader.
@c @implementation
public func ExAcquireResourceSharedLite(_ resource: PERESOURCE?, _ wait: UInt8) -> UInt8 {
    acquire(resource, wait) { resource, thread in
        if resource.pointee.Writer == thread {
            resource.pointee.Depth += 1
            return true
        }
        guard resource.pointee.Writer == nil else { return false }
        resource.pointee.Readers += 1
        return true
    }
}

private func acquire(
    _ resource: PERESOURCE?,
    _ wait: UInt8,
    _ attempt: (PERESOURCE, UnsafeMutableRawPointer?) -> Bool
) -> UInt8 {
    guard let resource else { return 0 }
    while true {
        let isTaken = Dispatcher.mutex.hold {
            if attempt(resource, Threads.current) { return true }
            Dispatcher.changeLocked(Dispatcher.header(resource)) { _ in 0 }
            return false
        }
        if isTaken { return 1 }
        guard wait != 0 else { return 0 }
        waitFor(event(of: resource), "ExAcquireResource")
    }
}

/// Lets go of it.
@c @implementation
public func ExReleaseResourceLite(_ resource: PERESOURCE?) {
    guard let resource else { return }
    Dispatcher.mutex.hold {
        if resource.pointee.Writer != nil {
            resource.pointee.Depth -= 1
            if resource.pointee.Depth == 0 { resource.pointee.Writer = nil }
        } else if resource.pointee.Readers > 0 {
            resource.pointee.Readers -= 1
        }
        _ = Dispatcher.changeLocked(Dispatcher.header(resource)) { _ in 1 }
    }
}
