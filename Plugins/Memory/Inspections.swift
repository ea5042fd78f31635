import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Inspection: a listener asks about each connection before an accept gets it.
enum Inspections {
    static func complete(
        _ slot: Slot,
        _ id: UnsafePointer<lamina_inspect_id>,
        _ action: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let inspector = unsafe state.pointee.listener?.pointee.inspector else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        return unsafe inspector.complete(id.pointee, action, request)
    }

    fileprivate nonisolated(unsafe) static let actions: UnsafePointer<InspectorActions> = unsafe Immortal.copy(
        InspectorActions(
            take: { unsafe $0.assumingMemoryBound(to: Listener.self).takeUninspected() },
            names: { connection, local, remote in
                guard let link = unsafe UnsafeMutablePointer<Link>(bitPattern: connection) else { return }
                unsafe link.pointee.serverName.write(local, for: link.pointee.serverName.family)
                unsafe link.pointee.clientName.write(remote, for: link.pointee.clientName.family)
            },
            reset: { Accept.discard($0) },
            watch: { item in
                guard let link = unsafe UnsafeMutablePointer<Link>(bitPattern: item.pointee.connection) else { return }
                unsafe link.lock()
                unsafe link.pointee.inspector = item.pointee.inspector
                // It may have been reset while it was inspected; the news comes when it has been listed.
                if unsafe link.end(.server).pointee.failure != 0 { unsafe link.tellInspector() }
                unsafe link.unlock()
            },
            unwatch: { item in
                guard let link = unsafe UnsafeMutablePointer<Link>(bitPattern: item.pointee.connection) else { return }
                unsafe link.lock()
                unsafe link.pointee.inspector = nil
                unsafe link.unlock()
            },
            schedule: { owner in
                let listener = unsafe owner.assumingMemoryBound(to: Listener.self)
                guard let inspector = unsafe listener.pointee.inspector, unsafe listener.pointee.first != nil else {
                    return 0
                }
                return unsafe inspector.post()
            }
        )
    )
}

/// A connection that is gone, on its way to whoever inspects it.
@unsafe private struct Disappearance {
    let inspector: UnsafeMutablePointer<Inspector>
    let connection: Int
}

extension UnsafeMutablePointer<Link> {
    /// Under the lock, once an end has gone: whoever inspects the connection hears of it on its engine's thread.
    func tellInspector() {
        guard let inspector = unsafe pointee.inspector, unsafe inspector.pin() else { return }
        unsafe pointee.inspector = nil
        let slot = unsafe inspector.listener
        let news = UnsafeMutablePointer<Disappearance>.allocate(capacity: 1)
        unsafe news.initialize(to: Disappearance(inspector: inspector, connection: Int(bitPattern: self)))
        let status = unsafe slot.pointee.column.pointee.upcalls.pointee.post(
            slot,
            { context in
                guard let news = unsafe context?.assumingMemoryBound(to: Disappearance.self) else { return }
                let inspector = unsafe news.pointee.inspector
                unsafe inspector.vanished(news.pointee.connection)
                unsafe news.deallocate()
                unsafe inspector.unpin()
            },
            UnsafeMutableRawPointer(news)
        )
        guard status < 0 else { return }
        // The accept that gets it finds it ended.
        unsafe news.deallocate()
        unsafe inspector.unpin()
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Connections are inspected from the listen on. False: the socket listens already without.
    func inspect() -> Bool {
        guard unsafe pointee.listener == nil || pointee.inspects else { return false }
        unsafe pointee.inspects = true
        return true
    }
}

extension UnsafeMutablePointer<Listener> {
    /// Before anybody can connect. False: no memory.
    func makeInspector() -> Bool {
        unsafe pointee.inspector = UnsafeMutablePointer<Inspector>.make(
            Inspections.actions,
            input,
            pointee.state.pointee.slot
        )
        unsafe pointee.inspector?.listen(backlog: pointee.backlog)
        return unsafe pointee.inspector != nil
    }
}
