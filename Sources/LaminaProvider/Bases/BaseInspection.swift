import CLamina
import CLinux
import Glibc

/// Inspection at the listeners of a base in Swift (SO_CONDITIONAL_ACCEPT): each connection is taken on the engine's thread, and
/// the level above is asked about it before an accept gets it.
enum BaseInspection {
    /// The entry `inspect_complete`.
    static func complete(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ id: UnsafePointer<lamina_inspect_id>,
        _ action: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let inspector = socket.inspector else { return lamina_complete(slot, request, -EINVAL, 0) }
        return inspector.complete(id.pointee, action, request)
    }

    fileprivate nonisolated(unsafe) static let actions = Immortal.copy(
        InspectorActions(
            take: { BaseAccept.takeUninspected($0.assumingMemoryBound(to: BaseSocket.self)) },
            names: { connection, local, remote in
                guard let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: connection) else { return }
                local.pointee = socket.localAddress
                if let peer = socket.remoteAddress { remote.pointee = peer }
            },
            reset: { connection in
                guard let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: connection) else { return }
                _ = socket.reset()
                BaseLifetime.dismiss(socket)
            },
            watch: { item in
                guard let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: item.pointee.connection) else { return }
                socket.group.lock()
                socket.field(\.watcher).pointee = item.pointee.inspector
                socket.group.unlock()
                socket.mark(.inspected)
                // It may have been reset while it was inspected; the news comes when it has been listed.
                if socket.isGone { socket.tellInspector() }
            },
            unwatch: { item in
                guard let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: item.pointee.connection) else { return }
                socket.unmark(.inspected)
                socket.group.lock()
                socket.field(\.watcher).pointee = nil
                socket.group.unlock()
            },
            schedule: { owner in
                let listener = owner.assumingMemoryBound(to: BaseSocket.self)
                guard listener.marks.contains(.news), let inspector = listener.inspector else { return 0 }
                return inspector.post()
            }
        )
    )
}

/// A connection that may be gone, on its way to whoever inspects it.
private struct Disappearance {
    let inspector: UnsafeMutablePointer<Inspector>
    let connection: UnsafeMutablePointer<BaseSocket>
}

extension UnsafeMutablePointer<BaseSocket> {
    /// What asks about the connections of a listener; made once, before it listens.
    var inspector: UnsafeMutablePointer<Inspector>? { field(\.inspector).pointee }

    /// Connections are inspected from the listen on. False: the socket listens already without, or can't.
    func inspect() -> Bool {
        guard own.listens != nil, marks.isDisjoint(with: .listening) || marks.contains(.inspects) else { return false }
        mark(.inspects)
        return true
    }

    /// Makes the inspector where connections are to be inspected. False: no memory.
    func makeInspector() -> Bool {
        group.lock()
        defer { group.unlock() }
        guard marks.contains(.inspects), inspector == nil else { return true }
        field(\.inspector).pointee = .make(BaseInspection.actions, input, field(\.slot).pointee)
        return inspector != nil
    }

    /// The transport has told a connection something that no accept has taken: if it is gone, whoever inspects it hears of it
    /// on its engine's thread.
    func tellInspector() {
        group.lock()
        guard let inspector = field(\.watcher).pointee, inspector.pin() else { return group.unlock() }
        guard group.pinLocked() else {
            group.unlock()
            return inspector.unpin()
        }
        group.unlock()
        let slot = inspector.listener
        let news = UnsafeMutablePointer<Disappearance>.allocate(capacity: 1)
        news.initialize(to: Disappearance(inspector: inspector, connection: self))
        let status = slot.pointee.column.pointee.upcalls.pointee.post(
            slot,
            { context in
                guard let news = context?.assumingMemoryBound(to: Disappearance.self) else { return }
                let (inspector, connection) = (news.pointee.inspector, news.pointee.connection)
                news.deallocate()
                if connection.isGone { inspector.vanished(Int(bitPattern: connection)) }
                connection.group.release()
                inspector.unpin()
            },
            UnsafeMutableRawPointer(news)
        )
        guard status < 0 else { return }
        // The accept that gets it finds it ended.
        news.deallocate()
        group.release()
        inspector.unpin()
    }

    /// Whether the transport has failed; what it brings meanwhile is kept for the first receive.
    fileprivate var isGone: Bool {
        guard own.receives != nil, input.enter() else { return false }
        let received = look(4096)
        input.leave()
        return received < 0 && received != -Int(EAGAIN)
    }
}
