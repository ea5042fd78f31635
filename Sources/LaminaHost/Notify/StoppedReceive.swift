import CLamina
import CLaminaRun
import CLinux
import Glibc

/// A recvfrom or recvmsg that the supervisor carries out for its caller.
struct StoppedReceive {
    enum Taken {
        /// What came, whole or cut to the room, and the flags that say which; from whom.
        case datagram((bytes: [UInt8], whole: Int, flags: Int32), from: Endpoint?)
        case nothing
        case failed(Int32)
    }

    private let call: StoppedCall
    private let flags: Int32
    private let room: Int
    private let message: StoppedMessage?

    /// Nil where what it points to can't be read.
    init?(_ call: StoppedCall) {
        self.call = call
        if call.kind == CLINUX_CALL_RECVMSG {
            guard let message = StoppedMessage(of: call, at: call.arguments.1) else { return nil }
            self.message = message
            flags = Int32(truncatingIfNeeded: call.arguments.2)
            room = message.count
        } else {
            message = nil
            flags = Int32(truncatingIfNeeded: call.arguments.3)
            room = Int(clamping: min(call.arguments.2, 65536))
        }
    }

    /// It waits for nothing.
    var isImpatient: Bool { flags & Int32(MSG_DONTWAIT) != 0 }

    func take(from socket: ProgramSocket) -> Taken {
        var bytes = [UInt8](repeating: 0, count: room)
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // The whole length is needed to say whether something was cut off.
        let how = flags | Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)
        return withUnsafeMutablePointer(to: &peer) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let count = recvfrom(socket.descriptor, &bytes, room, how, address, &length)
                if count < 0 { return errno == EAGAIN ? .nothing : .failed(errno) }
                let isCut = count > room
                let datagram = (Array(bytes.prefix(count)), count, isCut ? Int32(MSG_TRUNC) : 0)
                return .datagram(datagram, from: Endpoint(address, length: length))
            }
        }
    }

    /// Hands a datagram over.
    func finish(_ datagram: (bytes: [UInt8], whole: Int, flags: Int32), from: Endpoint?) {
        let wantsWhole = flags & Int32(MSG_TRUNC) != 0
        let isWritten: Bool
        if let message {
            isWritten = message.scatter(datagram.bytes, from: from, flags: datagram.flags, to: call)
        } else {
            isWritten =
                datagram.bytes.withUnsafeBytes { $0.isEmpty || call.write($0, at: call.arguments.1) }
                && writeSource(from)
        }
        call.answer(isWritten ? Int64(wantsWhole ? datagram.whole : datagram.bytes.count) : -Int64(EFAULT))
    }

    private func writeSource(_ from: Endpoint?) -> Bool {
        guard call.arguments.4 != 0 else { return true }
        guard let from, let room = call.read(socklen_t.self, at: call.arguments.5) else { return false }
        return call.write(from, at: call.arguments.4, room: room, length: call.arguments.5)
    }
}
