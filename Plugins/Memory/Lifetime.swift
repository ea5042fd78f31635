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
        if unsafe slot.pointee.context != nil { return unsafe lamina_complete(slot, request, 0, 0) }
        let asked = unsafe arguments.pointee
        guard unsafe [AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX].contains(asked.family) else {
            return unsafe lamina_complete(slot, request, -EAFNOSUPPORT, 0)
        }
        let isDatagram = unsafe asked.type == Int32(SOCK_DGRAM.rawValue)
        guard unsafe isDatagram || asked.type == Int32(SOCK_STREAM.rawValue) else {
            return unsafe lamina_complete(slot, request, -ESOCKTNOSUPPORT, 0)
        }
        let made = unsafe UnsafeMutablePointer<SocketState>.make(slot, family: asked.family, isDatagram: isDatagram)
        guard let state = unsafe made else { return unsafe lamina_complete(slot, request, -ENOMEM, 0) }
        if isDatagram {
            guard let mailbox = unsafe UnsafeMutablePointer<Mailbox>.make(state) else {
                unsafe state.destroy()
                return unsafe lamina_complete(slot, request, -ENOMEM, 0)
            }
            unsafe state.pointee.mailbox = mailbox
        }
        unsafe slot.pointee.context = UnsafeMutableRawPointer(state)
        return unsafe lamina_complete(slot, request, 0, 0)
    }

    static func close(_ slot: Slot, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, 0, 0) }
        unsafe state.pointee.closeRequest = request
        unsafe state.takeAddressChanges()?.close()
        unsafe state.unbind()
        if let link = unsafe state.pointee.link {
            let end = unsafe link.end(state.pointee.side)
            unsafe link.leave(state.pointee.side)
            unsafe end.group.close(end.input, end.output)
        } else if let listener = unsafe state.pointee.listener {
            unsafe listener.group.close(listener.input, nil)
        } else if let mailbox = unsafe state.pointee.mailbox {
            unsafe mailbox.group.close(mailbox.input, nil)
        } else {
            unsafe finish(state)
        }
        // The last user has gone already, or it completes the request when it goes.
        let isPending = unsafe !state.field(\.closing).hasArrived
        if isPending { unsafe slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request) }
        guard unsafe state.field(\.closing).arrive() else { return LAMINA_PENDING }
        unsafe state.destroy()
        let status = unsafe lamina_complete(slot, request, 0, 0)
        return isPending ? LAMINA_PENDING : status
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ state: UnsafeMutablePointer<SocketState>) {
        let slot = unsafe state.pointee.slot
        let request = unsafe state.pointee.closeRequest
        unsafe slot.pointee.context = nil
        unsafe state.dropIndicator()
        unsafe state.pointee.link?.release()
        unsafe state.pointee.listener?.destroy()
        unsafe state.pointee.mailbox?.release()
        guard unsafe state.field(\.closing).arrive() else { return }
        unsafe state.destroy()
        if let request = unsafe request { _ = unsafe lamina_complete(slot, request, 0, 0) }
    }
}
