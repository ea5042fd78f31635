// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// Threads that PsCreateSystemThread started, and objects that stand for the others.
enum Threads {
    /// Handles of threads: their objects' numbers, while the handle is open.
    private static let mutex = SystemMutex(WSK_MUTEX_THREADS)
    // Guarded by the mutex.
    nonisolated(unsafe) private static var handles: [UInt: PETHREAD] = [:]
    nonisolated(unsafe) private static var nextHandle: UInt = 4

    /// What names the calling thread: its object, or where its level is kept for one that has no object.
    static var current: UnsafeMutableRawPointer? {
        wsk_this_thread().map { UnsafeMutableRawPointer($0) }
            ?? UnsafeMutableRawPointer(bitPattern: UInt(pthread_self()))
    }

    /// Makes a thread's object, with a reference for the thread and one for the handle.
    static func create(
        _ start: PKSTART_ROUTINE,
        _ context: UnsafeMutableRawPointer?,
        _ caller: UnsafeRawPointer?
    ) -> (status: NTSTATUS, handle: UInt) {
        let size = MemoryLayout<_ETHREAD>.size
        guard let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_THREAD), isZeroed: true, maker: caller) else {
            return (STATUS_INSUFFICIENT_RESOURCES, 0)
        }
        let thread = memory.bindMemory(to: _ETHREAD.self, capacity: 1)
        Dispatcher.initialize(Dispatcher.header(memory), .thread, 0)
        thread.pointee.references = 2
        thread.pointee.start = start
        thread.pointee.context = context
        let handle = mutex.hold {
            defer { nextHandle += 4 }
            handles[nextHandle] = thread
            return nextHandle
        }
        guard wsk_start_thread(thread) == 0 else {
            mutex.hold { handles[handle] = nil }
            Ledger.free(memory, kind: Int(WSK_OBJECT_THREAD), "PsCreateSystemThread", caller)
            return (STATUS_INSUFFICIENT_RESOURCES, 0)
        }
        return (STATUS_SUCCESS, handle)
    }

    /// The object that a handle names, with one more reference.
    static func object(of handle: UInt) -> PETHREAD? {
        mutex.hold {
            guard let thread = handles[handle] else { return nil }
            _ = clinux_add_u32(&thread.pointee.references, 1)
            return thread
        }
    }

    static func close(_ handle: UInt) -> NTSTATUS {
        guard let thread = mutex.hold({ handles.removeValue(forKey: handle) }) else { return STATUS_INVALID_HANDLE }
        release(thread)
        return STATUS_SUCCESS
    }

    static func release(_ thread: PETHREAD) {
        guard clinux_add_u32(&thread.pointee.references, -1) == 0 else { return }
        free(thread)
    }

    /// Lets go of the thread's own reference before who waits for it goes on, and finds nothing of it left.
    static func end(_ thread: PETHREAD) {
        let isLast = Dispatcher.mutex.hold {
            guard clinux_add_u32(&thread.pointee.references, -1) != 0 else { return true }
            Dispatcher.changeLocked(Dispatcher.header(thread)) { _ in 1 }
            return false
        }
        if isLast { free(thread) }
    }

    private static func free(_ thread: PETHREAD) {
        Ledger.free(UnsafeMutableRawPointer(thread), kind: Int(WSK_OBJECT_THREAD), "ObDereferenceObject", nil)
    }
}

/// PsCreateSystemThread.
@c @implementation
public func wsk_create_thread(
    _ handle: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ start: PKSTART_ROUTINE?,
    _ context: UnsafeMutableRawPointer?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let handle, let start else { return STATUS_INVALID_PARAMETER }
    wsk_require_irql("PsCreateSystemThread", UInt8(PASSIVE_LEVEL), caller)
    let (status, number) = Threads.create(start, context, caller)
    handle.pointee = UnsafeMutableRawPointer(bitPattern: number)
    return status
}

/// A thread has ended: who waits for it goes on.
@c(wsk_thread_ended)
public func threadEnded(_ thread: OpaquePointer?) {
    if let thread = thread.map(PETHREAD.init) { Threads.end(thread) }
}

/// The object that a handle names.
@c @implementation
public func ObReferenceObjectByHandle(
    _ handle: UnsafeMutableRawPointer?,
    _ access: UInt32,
    _ type: POBJECT_TYPE?,
    _ mode: KPROCESSOR_MODE,
    _ object: UnsafeMutableRawPointer?,
    _ information: UnsafeMutableRawPointer?
) -> NTSTATUS {
    guard let object else { return STATUS_INVALID_PARAMETER }
    guard let thread = Threads.object(of: UInt(bitPattern: handle)) else { return STATUS_INVALID_HANDLE }
    object.storeBytes(of: UnsafeMutableRawPointer(thread), as: UnsafeMutableRawPointer.self)
    return STATUS_SUCCESS
}

/// One more reference to a thread's object.
@c @implementation
public func ObfReferenceObject(_ object: UnsafeMutableRawPointer?) {
    guard let thread = object?.assumingMemoryBound(to: _ETHREAD.self) else { return }
    _ = clinux_add_u32(&thread.pointee.references, 1)
}

/// One reference less.
@c @implementation
public func ObfDereferenceObject(_ object: UnsafeMutableRawPointer?) {
    guard let object else { return }
    Threads.release(object.assumingMemoryBound(to: _ETHREAD.self))
}

/// Closes a thread's handle.
@c @implementation
public func ZwClose(_ handle: UnsafeMutableRawPointer?) -> NTSTATUS {
    Threads.close(UInt(bitPattern: handle))
}

/// What names the calling thread.
@c @implementation
public func PsGetCurrentThread() -> PETHREAD? {
    Threads.current?.assumingMemoryBound(to: _ETHREAD.self)
}

/// What names this process.
@c @implementation
public func PsGetCurrentProcess() -> PEPROCESS? {
    PEPROCESS(bitPattern: UInt(getpid()))
}

/// Changes nothing; answers the usual priority.
@c @implementation
public func KeSetPriorityThread(_ thread: PKTHREAD?, _ priority: KPRIORITY) -> KPRIORITY {
    8
}
