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
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let inspector = state.pointee.listener?.pointee.inspector else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        return inspector.complete(id.pointee, action, request)
    }

    fileprivate nonisolated(unsafe) static let actions: UnsafePointer<InspectorActions> = Immortal.copy(
        InspectorActions(
            take: { $0.assumingMemoryBound(to: Listener.self).takeUninspected() },
            names: { connection, local, remote in
                guard let link = UnsafeMutablePointer<Link>(bitPattern: connection) else { return }
                link.pointee.serverName.write(local, for: link.pointee.serverName.family)
                link.pointee.clientName.write(remote, for: link.pointee.clientName.family)
            },
            reset: { Accept.discard($0) },
            watch: { item in
                guard let link = UnsafeMutablePointer<Link>(bitPattern: item.pointee.connection) else { return }
                link.lock()
                link.pointee.inspector = item.pointee.inspector
                // It may have been reset while it was inspected; the news comes when it has been listed.
                if link.end(.server).pointee.failure != 0 { link.tellInspector() }
                link.unlock()
            },
            unwatch: { item in
                guard let link = UnsafeMutablePointer<Link>(bitPattern: item.pointee.connection) else { return }
                link.lock()
                link.pointee.inspector = nil
                link.unlock()
            },
            schedule: { owner in
                let listener = owner.assumingMemoryBound(to: Listener.self)
                guard let inspector = listener.pointee.inspector, listener.pointee.first != nil else { return 0 }
                return inspector.post()
            }
        )
    )
}

/// A connection that is gone, on its way to whoever inspects it.
private struct Disappearance {
    let inspector: UnsafeMutablePointer<Inspector>
    let connection: Int
}

extension UnsafeMutablePointer<Link> {
    /// Under the lock, once an end has gone: whoever inspects the connection hears of it on its engine's thread.
    func tellInspector() {
        guard let inspector = pointee.inspector, inspector.pin() else { return }
        pointee.inspector = nil
        let slot = inspector.listener
        let news = UnsafeMutablePointer<Disappearance>.allocate(capacity: 1)
        news.initialize(to: Disappearance(inspector: inspector, connection: Int(bitPattern: self)))
        let status = slot.pointee.column.pointee.upcalls.pointee.post(
            slot,
            { context in
                guard let news = context?.assumingMemoryBound(to: Disappearance.self) else { return }
                let inspector = news.pointee.inspector
                inspector.vanished(news.pointee.connection)
                news.deallocate()
                inspector.unpin()
            },
            UnsafeMutableRawPointer(news)
        )
        guard status < 0 else { return }
        // The accept that gets it finds it ended.
        news.deallocate()
        inspector.unpin()
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Connections are inspected from the listen on. False: the socket listens already without.
    func inspect() -> Bool {
        guard pointee.listener == nil || pointee.inspects else { return false }
        pointee.inspects = true
        return true
    }
}

extension UnsafeMutablePointer<Listener> {
    /// Before anybody can connect. False: no memory.
    func makeInspector() -> Bool {
        pointee.inspector = UnsafeMutablePointer<Inspector>.make(Inspections.actions, input, pointee.state.pointee.slot)
        pointee.inspector?.listen(backlog: pointee.backlog)
        return pointee.inspector != nil
    }
}
