import CLamina
import CLinux
import Lamina

/// A receive that pends.
final class PendingReceive: @unchecked Sendable {
    // Written by the completion before `isDone`.
    private let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private let room = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
    private var isDone: UInt32 = 0

    func start(_ socket: Socket) -> Int32 {
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                let own = Unmanaged<PendingReceive>.fromOpaque(context).takeUnretainedValue()
                clinux_store_u32(&own.isDone, 1)
                return 0
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        var buffer = lamina_buffer(base: room, length: 64)
        return lamina_socket_receive(socket.handle, &buffer, 1, 0, request)
    }

    /// How it ended, once it has.
    var result: String {
        let deadline = Deadline.after(seconds: 20)
        while clinux_load_u32(&isDone) == 0 {
            if clinux_monotonic() > deadline { return "pends" }
            sched_yield()
        }
        return "\(request.pointee.status) \(request.pointee.bytes)"
    }
}
