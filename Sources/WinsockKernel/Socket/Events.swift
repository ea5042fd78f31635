import CLamina
import CWinsockKernel
import Glibc

/// Event callbacks.
enum Events {
    /// Every bit that an event mask may have.
    static let all = UInt32(
        WSK_EVENT_SEND_BACKLOG | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE_FROM | WSK_EVENT_ACCEPT
    )

    /// Whether an interface's name is that of WSK.
    static func isWSK(_ name: PNPIID?) -> Bool {
        guard let name else { return false }
        return withUnsafePointer(to: NPI_WSK_INTERFACE_ID) { memcmp($0, name, MemoryLayout<GUID>.size) == 0 }
    }
}
