import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Open and close.
enum Lifetime {
    static func open(
        _ slot: Slot,
        _ arguments: UnsafePointer<lamina_open_arguments>,
        _ request: Request
    ) -> lamina_status {
        // An accepted socket has its state before the levels above are asked.
        if slot.pointee.context != nil { return lamina_complete(slot, request, 0, 0) }
        let asked = arguments.pointee
        guard [AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX].contains(asked.family) else {
            return lamina_complete(slot, request, -EAFNOSUPPORT, 0)
        }
        let isDatagram = asked.type == Int32(SOCK_DGRAM.rawValue)
        guard isDatagram || asked.type == Int32(SOCK_STREAM.rawValue) else {
            return lamina_complete(slot, request, -ESOCKTNOSUPPORT, 0)
        }
        let made = UnsafeMutablePointer<SocketState>.make(slot, family: asked.family, isDatagram: isDatagram)
        guard let state = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        if isDatagram {
            guard let mailbox = UnsafeMutablePointer<Mailbox>.make(state) else {
                state.destroy()
                return lamina_complete(slot, request, -ENOMEM, 0)
            }
            state.pointee.mailbox = mailbox
        }
        slot.pointee.context = UnsafeMutableRawPointer(state)
        return lamina_complete(slot, request, 0, 0)
    }

    static func close(_ slot: Slot, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, 0, 0) }
        state.pointee.closeRequest = request
        state.takeAddressChanges()?.close()
        state.unbind()
        if let link = state.pointee.link {
            let end = link.end(state.pointee.side)
            link.leave(state.pointee.side)
            end.group.close(end.input, end.output)
        } else if let listener = state.pointee.listener {
            listener.group.close(listener.input, nil)
        } else if let mailbox = state.pointee.mailbox {
            mailbox.group.close(mailbox.input, nil)
        } else {
            finish(state)
        }
        // The last user has gone already, or it completes the request when it goes.
        let isPending = !state.field(\.closing).hasArrived
        if isPending { slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request) }
        guard state.field(\.closing).arrive() else { return LAMINA_PENDING }
        state.destroy()
        let status = lamina_complete(slot, request, 0, 0)
        return isPending ? LAMINA_PENDING : status
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ state: UnsafeMutablePointer<SocketState>) {
        let slot = state.pointee.slot
        let request = state.pointee.closeRequest
        slot.pointee.context = nil
        state.dropIndicator()
        state.pointee.link?.release()
        state.pointee.listener?.destroy()
        state.pointee.mailbox?.release()
        guard state.field(\.closing).arrive() else { return }
        state.destroy()
        if let request { _ = lamina_complete(slot, request, 0, 0) }
    }
}
