public import CLamina
import Glibc

// What C programs call: by handle rather than by value, and with requests of their own.

extension Socket {
    /// A socket that a handle alone names. Throws `closed` where it names none any more.
    public init(handle: lamina_socket) throws(LaminaError) {
        guard handle.generation % 2 == 1, lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "socket") }
        defer { lamina_leave() }
        self.init(handle: handle, chain: ColumnState.of(handle.slot).chain)
    }

    /// Ends the socket that `handle` names (close, WskCloseSocket); `request` ends when it is gone. EINVAL, and nothing
    /// is closed, for a request without a completion routine: nobody could tell when it has ended.
    public static func close(
        _ handle: lamina_socket,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard request.pointee.frame_count > 0 else { return -EINVAL }
        guard handle.generation % 2 == 1, lamina_is_current(handle) != 0 else {
            return Completion.end(request, -EBADF)
        }
        request.pointee.flags |= UInt32(LAMINA_REQUEST_PENDED)
        ColumnClosing.close(handle) { _ = Completion.end(request, $0) }
        return LAMINA_PENDING
    }
}

/// What the owner of a request may do to it besides making calls.
public enum Requests {
    /// Cancels a request (IoCancelIrp); legal until its completion routine is entered. True: it has completed or will,
    /// as cancelled; false: it ends by itself. The completion comes in both cases.
    public static func cancel(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        Completion.cancel(request) != 0
    }
}
